import Feeds
import SimulatedStore

/// A small feed of ticket events with everything that goes wrong with feeds.
///
/// Every record that is not repeated says something of its own: no two are the same by accident.
struct TicketTape {
    /// The tickets of which it tells.
    let tickets: [String]
    let lines: [String]
    let lineEnd: String
    /// Whether the last line has a line end.
    let endsClosed: Bool

    var bytes: [UInt8] { Array((lines.joined(separator: lineEnd) + (endsClosed ? lineEnd : "")).utf8) }
}

/// Makes random tapes.
struct TicketTapeGenerator {
    private struct Sender {
        let ticket: String
        var next: Int64 = 1
        /// Numbers that were left out and may come later.
        var skipped: [Int64] = []
        /// Events that were stored as far as the sender can tell.
        var version: Int64 = 0
        var isCreated = false
    }

    private var random: SplitMix64
    private var senders: [Sender]
    private var lines: [String] = []
    private var time = 1_714_553_000
    private var number = 0
    private let hasLongTexts: Bool

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
        let count = 1 + random.nextIndex(below: 4)
        senders = (0..<count).map { Sender(ticket: "T\($0)") }
        hasLongTexts = random.nextIndex(below: 40) == 0
    }

    mutating func make(lineCount: Int) -> TicketTape {
        for _ in 0..<lineCount { lines.append(line()) }
        return TicketTape(
            tickets: senders.map(\.ticket),
            lines: lines,
            lineEnd: chance(1, in: 5) ? "\r\n" : "\n",
            endsClosed: chance(4, in: 5)
        )
    }

    private mutating func chance(_ one: Int, in many: Int) -> Bool { random.nextIndex(below: many) < one }

    private mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[random.nextIndex(below: elements.count)]
    }

    private mutating func line() -> String {
        number += 1
        time += random.nextIndex(below: 30)
        if chance(1, in: 30) { return "" }
        if !lines.isEmpty, chance(1, in: 7) { return pick(lines) }
        if chance(1, in: 12) { return malformed() }
        let index = random.nextIndex(below: senders.count)
        // Sometimes a ticket is told of before it was made.
        if !senders[index].isCreated, chance(5, in: 6) { return create(index) }
        if chance(1, in: 20) { return create(index) }
        return chance(1, in: 3) ? comment(index) : change(index)
    }

    private mutating func malformed() -> String {
        let ticket = pick(senders).ticket
        return pick([
            #"{"ticket":"\#(ticket)","sequence":\#(number),"type":"#, "no JSON \(number)",
            #"{"ticket":"\#(ticket)","sequence":-\#(number),"type":"comment","text":"x"}"#,
            #"{"ticket":"\#(ticket)","sequence":\#(number),"type":"change","fields":{"status":"asleep"}}"#,
            #"{"ticket":"","sequence":\#(number),"type":"comment","text":"x"}"#,
        ])
    }

    private mutating func create(_ index: Int) -> String {
        senders[index].isCreated = true
        let custom = chance(1, in: 3) ? #","custom.region":"EU""# : ""
        let subject = #""subject":"subject \#(number)","requester":"r\#(number)@example.com"\#(custom)"#
        return record(index, "create", #""fields":{\#(subject)}"#)
    }

    private mutating func comment(_ index: Int) -> String {
        let text = "text \(number)" + (hasLongTexts ? String(repeating: "x", count: 300_000) : "")
        let isInternal = chance(1, in: 4) ? #","internal":true"# : ""
        return record(index, "comment", #""text":"\#(text)"\#(isInternal)\#(expectation(index))"#)
    }

    private mutating func change(_ index: Int) -> String {
        var fields: [String] = []
        if chance(1, in: 2) { fields.append(#""status":"\#(pick(["new", "open", "pending", "resolved", "closed"]))""#) }
        if chance(1, in: 2) { fields.append(#""assignee":\#(pick([#""mia""#, #""noa""#, "null"]))"#) }
        if chance(1, in: 3) { fields.append(#""tags":["a\#(random.nextIndex(below: 3))","b"]"#) }
        if fields.isEmpty || chance(1, in: 3) { fields.append(#""custom.note":"note \#(number)""#) }
        return record(index, "change", #""fields":{\#(fields.joined(separator: ","))}\#(expectation(index))"#)
    }

    /// Mostly a version that there has been, at times one that there is not yet.
    private mutating func expectation(_ index: Int) -> String {
        guard chance(1, in: 3) else { return "" }
        let version = senders[index].version
        let expected = chance(1, in: 6) ? version + 4 : max(1, version - Int64(random.nextIndex(below: 4)))
        return #","expected_version":\#(expected)"#
    }

    private mutating func record(_ index: Int, _ type: String, _ rest: String) -> String {
        var sequence = senders[index].next
        if !senders[index].skipped.isEmpty, chance(1, in: 3) {
            sequence = senders[index].skipped.remove(at: random.nextIndex(below: senders[index].skipped.count))
        } else if chance(1, in: 15), sequence > 1 {
            // A number that was used, with other content.
            sequence = 1 + Int64(random.nextIndex(below: Int(sequence) - 1))
        } else {
            if chance(1, in: 6) {
                let count = Int64(1 + random.nextIndex(below: 3))
                senders[index].skipped += sequence..<(sequence + count)
                sequence += count
            }
            senders[index].next = sequence + 1
        }
        if senders[index].isCreated { senders[index].version += 1 }
        let time = chance(1, in: 8) ? "" : #""time":\#(time - (chance(1, in: 6) ? 100 : 0)),"#
        let actor = chance(1, in: 2) ? #""actor":"sender","# : ""
        let ticket = senders[index].ticket
        return #"{"ticket":"\#(ticket)","sequence":\#(sequence),\#(time)\#(actor)"type":"\#(type)",\#(rest)}"#
    }
}
