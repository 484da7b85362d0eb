import BSON
import TicketViews

@testable import Tickets

/// Tickets and texts for the tests.
enum Samples {
    /// 2026-11-21 13:45:00.123 UTC.
    static let now: Int64 = 1_795_268_700_123
    static let minute: Int64 = 60_000
    static let hour: Int64 = 3_600_000
    /// An hour ahead of UTC.
    static let time = ViewTime(now: now) { _ in 3_600 }

    static func ticket(_ id: String = "1042", _ change: (inout Ticket) -> Void = { _ in }) -> Ticket {
        var ticket = Ticket(id: id)
        ticket.version = 4
        ticket.subject = "Cannot log in"
        ticket.description = "text over\nseveral lines"
        ticket.status = .open
        ticket.priority = .high
        ticket.assignee = "mia"
        ticket.group = "accounts"
        ticket.tags = ["login", "web"]
        ticket.requester = "jo@example.com"
        ticket.createdAt = now - 3 * hour
        ticket.updatedAt = now - 5 * minute
        ticket.dueAt = now + hour
        change(&ticket)
        return ticket
    }

    static func event(
        _ sequence: Int64,
        _ operation: TicketOperation,
        by actor: String?,
        at time: Int64,
        _ changes: [FieldChange],
        erased: Bool = false,
        origin: TicketEvent.Origin? = nil
    ) -> TicketEvent {
        let sealed = changes.map { change in
            let seal = change.field.isPersonal ? Seal(salt: erased ? nil : [1], commitment: [2]) : nil
            return TicketEvent.Change(change: change, seal: seal)
        }
        return TicketEvent(
            sequence: sequence,
            time: time,
            actor: actor,
            actorSeal: Seal(salt: [1], commitment: [2]),
            operation: operation,
            operationID: ObjectID(high: 1, low: 0xABC),
            changes: sealed,
            origin: origin,
            previousHash: [UInt8](repeating: 0, count: 4),
            hash: [0xDE, 0xAD, 0x00, 0x0F]
        )
    }

    static func comment(_ sequence: Int64, by actor: String, _ text: String, at time: Int64, internal: Bool = false)
        -> TicketEvent
    {
        var changes = [FieldChange(.comment, from: .null, to: .string(text))]
        if `internal` { changes.append(FieldChange(.isInternal, from: .null, to: true)) }
        return event(sequence, .comment, by: actor, at: time, changes)
    }

    static func conflict(_ field: TicketField, yours: BSONValue, theirs: BSONValue) -> FieldConflict {
        FieldConflict(field: field, yours: yours, theirs: theirs, by: "mia", at: now - 5 * minute)
    }
}

/// Numbers that are the same in every run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A text of pieces that views and forms could trip over.
    mutating func nastyText(pieces: ClosedRange<Int>) -> String {
        let alphabet = [
            "a", "word", "two words", " ", "   ", "\t", "\n", "\n\n", "\r\n", "\r", "#", "# comment", "Description:",
            "Subject: x", "\nDescription:\n", "\n=======\n", "\n<<<<<<< yours\n", "\n>>>>>>> theirs (mia)\n", "\"",
            "\\",
            "\\n", ",", ": ", "é", "e\u{301}", "漢字", "한국어", "👩‍👩‍👧", "🇩🇪", "1️⃣", "नमस्ते", "क्ष्म",
            "\u{1B}[31m", "\u{7F}",
            "\u{85}", "\u{9B}", "\u{202E}", "\u{2028}", "\u{2066}", "\u{FEFF}", "\u{0}", "> quoted",
            "\n> > deep quote ",
            "averylongwordthatdoesnotfitanywhere", "https://example.com/a?b=c#d", "\u{301}", "ﷺ", "\u{200B}", "\u{AD}",
        ]
        let count = Int.random(in: pieces, using: &self)
        return (0..<count).map { _ in alphabet.randomElement(using: &self) ?? "" }.joined()
    }
}
