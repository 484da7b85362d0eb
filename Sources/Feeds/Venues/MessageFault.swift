public import MarketData

/// Why a message, or one event of it, cannot be used.
///
/// Trivial: throwing it does not allocate.
public struct MessageFault: Error {
    public let rule: RejectRule
    /// The field that is at fault; empty where it is the whole message.
    public let field: StaticString

    public init(_ rule: RejectRule, _ field: StaticString) {
        self.rule = rule
        self.field = field
    }

    /// A sentence for people.
    public var reason: String {
        switch rule {
        case .malformed: "the message is no object or array of JSON"
        case .missingField: "the field \(field) is missing or of another type"
        case .invalidNumber: "the field \(field) is no number that fits"
        case .invalidTime: "the field \(field) is no time that fits"
        case .invalidSide: "the field \(field) is neither of the two sides"
        case .invalidSymbol: "the field \(field) is no symbol"
        case .idTooLong: "the field \(field) is too long for an identifier"
        default: "the field \(field) is impossible"
        }
    }
}

extension BatchBuilder {
    /// Keeps the current record, or one event of it, as rejected for that fault.
    public mutating func reject(_ fault: MessageFault, kind: EventKind? = nil) {
        reject(fault.rule, fault.reason, kind: kind)
    }

    /// Decodes the elements of a list that are of one kind; an element with a fault is rejected on its own.
    @inline(__always)
    mutating func each(
        of list: JSONValue,
        kind: EventKind,
        _ decode: (JSONValue, inout BatchBuilder) throws(MessageFault) -> Void
    ) {
        for element in list.elements {
            attempt(kind) { builder throws(MessageFault) in try decode(element, &builder) }
        }
    }

    /// Decodes what becomes one event; a fault rejects it under its kind.
    @inline(__always)
    mutating func attempt(_ kind: EventKind, _ decode: (inout BatchBuilder) throws(MessageFault) -> Void) {
        do throws(MessageFault) {
            try decode(&self)
        } catch {
            reject(error, kind: kind)
        }
    }
}
