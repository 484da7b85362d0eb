import MarketData

extension Alert {
    /// One line of JSON: id, rule, severity, subject, message, value, threshold, event_time, received_at.
    ///
    /// The keys always come in this order. Times are whole nanoseconds since 1970; the event time is null where absent.
    package var json: String {
        var text: [UInt8] = []
        text.reserveCapacity(512)
        let texts = [
            ("id", id), ("rule", rule), ("severity", severity.rawValue), ("subject", subject.description),
            ("message", message), ("value", value), ("threshold", threshold),
        ]
        for (index, (key, value)) in texts.enumerated() {
            text.append(UInt8(ascii: index == 0 ? "{" : ","))
            Self.append(key, to: &text)
            text.append(UInt8(ascii: ":"))
            Self.append(value, to: &text)
        }
        let event = eventTime.isAbsent ? "null" : String(eventTime.nanoseconds)
        text.append(contentsOf: ",\"event_time\":\(event),\"received_at\":\(receiptTime.nanoseconds)}".utf8)
        return String(decoding: text, as: UTF8.self)
    }

    /// Escapes what JSON wants escaped, and what could steer a terminal that shows the text.
    private static func append(_ value: String, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "\""))
        for scalar in value.unicodeScalars {
            switch scalar.value {
            case 0x22, 0x5C:
                text.append(UInt8(ascii: "\\"))
                text.append(UInt8(scalar.value))
            case 0..<0x20, 0x7F...0x9F, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069:
                let digits = String(scalar.value, radix: 16)
                text.append(contentsOf: "\\u\(String(repeating: "0", count: 4 - digits.utf8.count))\(digits)".utf8)
            default: text.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
            }
        }
        text.append(UInt8(ascii: "\""))
    }
}
