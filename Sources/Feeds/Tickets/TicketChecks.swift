import MarketData

/// What the texts of one frame may come to, in bytes of UTF-8.
enum TicketLimits {
    static let externalIDBytesMax = 200
    static let subjectBytesMax = 1_000
    static let textBytesMax = 512 * 1024
    /// All texts of a frame together: a ticket must fit into a document of 16 MB beside its history.
    static let frameBytesMax = 4 * 1024 * 1024
    static let customNameBytesMax = 100
}

/// Our words for the state of a ticket.
enum StatusWord: String {
    case new, open, pending
    case onHold = "on_hold"
    case resolved, closed
}

/// Our words for how much a ticket matters.
enum PriorityWord: String {
    case low, normal, high, urgent
}

extension TicketFrame.Field {
    static func status(_ word: StatusWord) -> Self { Self("status", .text(word.rawValue)) }

    static func priority(_ word: PriorityWord?) -> Self {
        Self("priority", word.map { .text($0.rawValue) } ?? .none)
    }

    /// A field with that text, or that says it is empty.
    static func text(_ name: String, _ text: String?) -> Self { Self(name, text.map { .text($0) } ?? .none) }

    /// A field of the source that we have no name for.
    static func custom(_ name: String, _ value: TicketFrame.Value) -> Self { Self("custom." + name, value) }
}

extension TicketFrame {
    /// Checks what holds for frames of every format.
    func check() throws(TicketFault) {
        try Self.check(externalID: externalID)
        guard sequence >= 0 else { throw TicketFault(.invalidSequence, "the sequence is less than zero") }
        var total = try Self.count(actor ?? "", "actor", 0)
        total = try Self.count(comment?.text ?? "", "comment", total)
        for field in fields {
            if field.name == "subject", case .text(let text) = field.value,
                text.utf8.count > TicketLimits.subjectBytesMax
            {
                throw TicketFault(.textTooLong, "the subject is longer than \(TicketLimits.subjectBytesMax) bytes")
            }
            for text in field.value.texts { total = try Self.count(text, field.name, total) }
        }
    }

    private static func check(externalID: String) throws(TicketFault) {
        guard (1...TicketLimits.externalIDBytesMax).contains(externalID.utf8.count) else {
            let reason =
                externalID.isEmpty ? "is empty" : "is longer than \(TicketLimits.externalIDBytesMax) bytes"
            throw TicketFault(.invalidTicketID, "the ticket's identifier \(reason)")
        }
        guard externalID.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else {
            throw TicketFault(.invalidTicketID, "the ticket's identifier holds a control character")
        }
    }

    /// Adds the length of a text to what the texts before it came to.
    private static func count(_ text: String, _ name: String, _ total: Int) throws(TicketFault) -> Int {
        guard text.utf8.count <= TicketLimits.textBytesMax else {
            throw TicketFault(.textTooLong, "'\(name)' is longer than \(TicketLimits.textBytesMax) bytes")
        }
        guard total + text.utf8.count <= TicketLimits.frameBytesMax else {
            let reason = "the texts of the record are longer than \(TicketLimits.frameBytesMax) bytes together"
            throw TicketFault(.textTooLong, reason)
        }
        return total + text.utf8.count
    }
}

extension TicketFrame.Value {
    fileprivate var texts: [String] {
        switch self {
        case .text(let text): [text]
        case .list(let texts): texts
        case .none: []
        }
    }
}

/// Names of fields that tickets have beside ours.
enum CustomName {
    /// Whether a name may stand behind `custom.`.
    static func isValid(_ name: some StringProtocol) -> Bool {
        (1...TicketLimits.customNameBytesMax).contains(name.utf8.count) && name.allSatisfy(isPlain)
    }

    /// The name of a column or member in lower case, with `_` for runs of anything but letters, digits and `-`.
    ///
    /// Empty where nothing is left.
    static func make(from title: String) -> String {
        var name = ""
        for character in title.lowercased() {
            if isPlain(character), character != "_" {
                name.append(character)
            } else if !name.isEmpty, name.last != "_" {
                name.append("_")
            }
        }
        while name.utf8.count > TicketLimits.customNameBytesMax || name.last == "_" { name.removeLast() }
        return name
    }

    private static func isPlain(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "_" || character == "-"
    }
}

extension Timestamp {
    /// Whole milliseconds since 1970 UTC, towards the past.
    var milliseconds: Int64 {
        let (quotient, remainder) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
