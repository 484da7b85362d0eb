/// Why a record, or one event of it, is impossible and therefore not stored as an event.
///
/// The raw values are the names in summaries, metrics and the `rejects` collection.
public enum RejectRule: String, CaseIterable, Sendable {
    /// The record is not what its format says: broken JSON, too few columns, a frame that does not parse.
    case malformed
    case missingField = "missing_field"
    /// A number that is not one, or does not fit into 64 bits.
    case invalidNumber = "invalid_number"
    case invalidTime = "invalid_time"
    case invalidSide = "invalid_side"
    case invalidSymbol = "invalid_symbol"
    case idTooLong = "id_too_long"
    /// A price of zero or less where prices cannot be.
    case priceNotPositive = "price_not_positive"
    case sizeNegative = "size_negative"
    /// A quote without a bid and without an ask.
    case emptyQuote = "empty_quote"
    /// A bar whose low and high do not enclose its open and close.
    case candleRange = "candle_range"
    /// A record longer than the reader holds in memory.
    case recordTooLarge = "record_too_large"
    /// A record with more events than a position can number.
    case tooManyEvents = "too_many_events"

    // Records of tickets.

    case invalidUTF8 = "invalid_utf8"
    case invalidTicketID = "invalid_ticket_id"
    /// A number of a ticket's change that is none, or less than zero.
    case invalidSequence = "invalid_sequence"
    case unknownOperation = "unknown_operation"
    case unknownStatus = "unknown_status"
    case unknownPriority = "unknown_priority"
    /// A change of a field that tickets do not have.
    case unknownField = "unknown_field"
    case textTooLong = "text_too_long"
    /// A comment or change of a ticket that was never created.
    case unknownTicket = "unknown_ticket"
    /// A change that expects another version of the ticket than there is.
    case versionConflict = "version_conflict"

    /// The rule as a phrase for people.
    public var explanation: String {
        switch self {
        case .malformed: "it is not what its format says"
        case .missingField: "a field is missing"
        case .invalidNumber: "a number is none, or does not fit into 64 bits"
        case .invalidTime: "a time is none"
        case .invalidSide: "the side is neither buy nor sell"
        case .invalidSymbol: "the symbol is empty, too long, or no plain text"
        case .idTooLong: "the identifier is too long"
        case .priceNotPositive: "a price is zero or less"
        case .sizeNegative: "a size is less than zero"
        case .emptyQuote: "there is neither a bid nor an ask"
        case .candleRange: "low and high do not enclose open and close"
        case .recordTooLarge: "the record is too long"
        case .tooManyEvents: "the record holds too many events"
        case .invalidUTF8: "the text is not UTF-8"
        case .invalidTicketID: "the ticket's identifier is empty, too long, or holds control characters"
        case .invalidSequence: "the number of the change is no whole number from zero up"
        case .unknownOperation: "there is no such operation"
        case .unknownStatus: "there is no such status"
        case .unknownPriority: "there is no such priority"
        case .unknownField: "tickets have no such field"
        case .textTooLong: "a text is too long"
        case .unknownTicket: "the ticket was never created"
        case .versionConflict: "the change expects another version of the ticket"
        }
    }
}
