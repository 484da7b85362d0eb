import BSON
import Console
import JSONOutput
import Tickets

/// Values of fields as people read them.
enum ValueText {
    static let none = "(none)"
    static let erased = "(erased)"

    /// The value on one line, safe for a terminal.
    static func line(_ value: BSONValue, _ time: ViewTime) -> String { SafeText.line(raw(value, time)) }

    /// The value as it is, with the line breaks of a text, safe for a terminal.
    static func block(_ value: BSONValue, _ time: ViewTime) -> String { SafeText.block(raw(value, time)) }

    private static func raw(_ value: BSONValue, _ time: ViewTime) -> String {
        switch value {
        case .null: none
        case .string(let text): text
        case .array(let elements):
            elements.isEmpty ? none : elements.map { raw($0, time) }.joined(separator: ", ")
        case .bool(let flag): flag ? "yes" : "no"
        case .datetime(let milliseconds): time.absolute(milliseconds)
        default: TicketJSON.value(value).plainText
        }
    }
}

extension JSONText {
    /// A string without its quotation marks; anything else as JSON.
    var plainText: String {
        if case .string(let string) = self { string } else { text }
    }
}

extension Presence.Activity {
    /// As in "mia is editing".
    var word: String {
        switch self {
        case .looking: "looking"
        case .editing: "editing"
        }
    }
}
