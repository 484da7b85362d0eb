/// Why something cannot be done with a ticket.
///
/// Messages name fields, tickets and steps, never what a ticket says.
public struct TicketError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// There is no such ticket.
        case notFound = "not_found"
        case unknownField = "unknown_field"
        /// A value that the field cannot have.
        case invalidValue = "invalid_value"
        /// A step of the status that is not allowed.
        case invalidStep = "invalid_step"
        /// The agent may not do this.
        case forbidden
        /// A text is longer than a ticket keeps.
        case tooLarge = "too_large"
        /// Whether the change was made could not be found out within the deadline.
        case unknownOutcome = "unknown_outcome"
    }

    public let code: Code
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }

    static func notFound(_ id: String) -> TicketError {
        TicketError(.notFound, "there is no ticket \(id.printable)")
    }
}

extension String {
    /// The text without what could steer a terminal: control characters become U+FFFD.
    ///
    /// The joiners stay, without which emoji and several scripts cannot be written.
    var printable: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.map { scalar in
                    if scalar == "\u{200C}" || scalar == "\u{200D}" { return scalar }
                    switch scalar.properties.generalCategory {
                    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: return "\u{FFFD}"
                    default: return scalar
                    }
                }
            )
        )
    }
}
