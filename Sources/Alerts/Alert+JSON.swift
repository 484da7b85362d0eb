import JSONOutput
import MarketData

extension Alert {
    /// One line of JSON: id, rule, severity, subject, message, value, threshold, event_time, received_at.
    ///
    /// The keys always come in this order. Times are whole nanoseconds since 1970; the event time is null where absent.
    package var json: String {
        JSONText.object([
            ("id", .string(id)), ("rule", .string(rule)), ("severity", .string(severity.rawValue)),
            ("subject", .string(subject.description)), ("message", .string(message)), ("value", .string(value)),
            ("threshold", .string(threshold)),
            ("event_time", eventTime.isAbsent ? .null : .integer(Int(eventTime.nanoseconds))),
            ("received_at", .integer(Int(receiptTime.nanoseconds))),
        ]).text
    }
}
