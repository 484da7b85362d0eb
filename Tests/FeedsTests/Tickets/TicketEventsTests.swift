import MarketData
import Testing

@testable import Feeds

/// Our own feed of tickets.
@Suite("Ticket events")
struct TicketEventsTests {
    private func decode(_ text: String) throws -> DecodedTickets {
        try decodeTickets(text, as: TicketEventsFormat())
    }

    @Test func everyStepHasWhatItsLineSays() throws {
        let decoded = try decode(TicketSamples.events)
        #expect(decoded.rejected.isEmpty)
        try #require(decoded.frames.count == 3)
        let time: Int64 = 1_714_554_000_000
        let create = try #require(decoded.frames.first)
        #expect(create.kind == .create && create.externalID == "A-1" && create.sequence == 1)
        #expect(create.actor == "mia" && create.occurredAt == time && create.createdAt == time)
        #expect(
            create.fields == [
                .init("subject", .text("No sound")), .init("requester", .text("kim@example.com")),
                .init("tags", .list(["audio", "b{2}"])), .init("custom.region", .text("EU")),
            ]
        )
        #expect(decoded.frames[1].comment == .init(text: "Which \"cable\"?\n\u{e9}\u{1F600}", isInternal: true))
        #expect(decoded.frames[1].fields.isEmpty && decoded.frames[1].occurredAt == nil)
        let change = decoded.frames[2]
        #expect(change.fields == [.init("status", .text("on_hold")), .init("priority", .none)])
        #expect(change.expectedVersion == 2 && change.comment == nil && change.createdAt == nil)
        // A blank line counts as a line.
        #expect(decoded.frames.map(\.position.line) == [0, 1, 3])
    }

    @Test(arguments: [
        (#"{"ticket":"A","sequence":1,"type":"comment","text":"x""#, RejectRule.malformed),
        (#"[{"ticket":"A","sequence":1,"type":"comment","text":"x"}]"#, .malformed),
        (#"{"ticket":"A","sequence":1,"type":"comment","text":"x"} {}"#, .malformed),
        (#"{"ticket":"A","sequence":1,"type":"comment","text":"x","expected_verison":3}"#, .malformed),
        (#"{"ticket":"A","ticket":"B","sequence":1,"type":"comment","text":"x"}"#, .malformed),
        (#"{"ticket":"A","sequence":1,"type":"comment","text":"\ud83d"}"#, .malformed),
        (#"{"ticket":"A","sequence":1,"type":"comment","text":"\q"}"#, .malformed),
        (#"{"ticket":"A","sequence":1,"type":"comment","text":5}"#, .malformed),
        (#"{"ticket":"A","sequence":1,"type":"comment","text":"x","internal":"yes"}"#, .malformed),
        (#"{"ticket":"A","sequence":1,"type":"comment","text":"x","fields":{"status":"new"}}"#, .malformed),
        (#"{"ticket":"A","sequence":1,"type":"change","fields":{"status":"new"},"text":"x"}"#, .malformed),
        (#"{"ticket":"A","sequence":1,"type":"change","fields":["status"]}"#, .malformed),
        (#"{"ticket":"A","sequence":1,"type":"change","fields":{"tags":"a"}}"#, .malformed),
        (#"{"ticket":"A","sequence":1,"type":"change","fields":{"custom.a":{"b":1}}}"#, .malformed),
        (#"{"ticket":"A","sequence":1,"type":"change","fields":{"group":"a","group":"b"}}"#, .malformed),
        (#"{"sequence":1,"type":"comment","text":"x"}"#, .missingField),
        (#"{"ticket":"A","type":"comment","text":"x"}"#, .missingField),
        (#"{"ticket":"A","sequence":1,"text":"x"}"#, .missingField),
        (#"{"ticket":"A","sequence":1,"type":"comment"}"#, .missingField),
        (#"{"ticket":"A","sequence":1,"type":"comment","text":""}"#, .missingField),
        (#"{"ticket":"A","sequence":1,"type":"change"}"#, .missingField),
        (#"{"ticket":"A","sequence":1,"type":"change","fields":{}}"#, .missingField),
        (#"{"ticket":"A","sequence":1,"type":"change","fields":{"subject":null}}"#, .missingField),
        (#"{"ticket":"A","sequence":1,"type":"create","fields":{"subject":"s"}}"#, .missingField),
        (#"{"ticket":"A","sequence":1,"type":"create","fields":{"requester":"r"}}"#, .missingField),
        (#"{"ticket":"A","sequence":1,"type":"delete","text":"x"}"#, .unknownOperation),
        (#"{"ticket":"A","sequence":1,"type":"snapshot","fields":{"status":"new"}}"#, .unknownOperation),
        (#"{"ticket":"A","sequence":1,"type":"change","fields":{"status":"solved"}}"#, .unknownStatus),
        (#"{"ticket":"A","sequence":1,"type":"change","fields":{"status":null}}"#, .unknownStatus),
        (#"{"ticket":"A","sequence":1,"type":"change","fields":{"priority":"P1"}}"#, .unknownPriority),
        (#"{"ticket":"A","sequence":1,"type":"change","fields":{"asignee":"mia"}}"#, .unknownField),
        (#"{"ticket":"A","sequence":1,"type":"change","fields":{"custom.":"x"}}"#, .unknownField),
        (#"{"ticket":"A","sequence":1,"type":"change","fields":{"custom.a.b":"x"}}"#, .unknownField),
        (#"{"ticket":"A","sequence":1,"type":"change","fields":{"custom.$a":"x"}}"#, .unknownField),
        (#"{"ticket":"","sequence":1,"type":"comment","text":"x"}"#, .invalidTicketID),
        (#"{"ticket":"A\u0000","sequence":1,"type":"comment","text":"x"}"#, .invalidTicketID),
        (#"{"ticket":"A\u009b","sequence":1,"type":"comment","text":"x"}"#, .invalidTicketID),
        (#"{"ticket":["A"],"sequence":1,"type":"comment","text":"x"}"#, .invalidTicketID),
        (#"{"ticket":"A","sequence":-1,"type":"comment","text":"x"}"#, .invalidSequence),
        (#"{"ticket":"A","sequence":1.5,"type":"comment","text":"x"}"#, .invalidSequence),
        (#"{"ticket":"A","sequence":"1","type":"comment","text":"x"}"#, .invalidSequence),
        (#"{"ticket":"A","sequence":9223372036854775808,"type":"comment","text":"x"}"#, .invalidSequence),
        (#"{"ticket":"A","sequence":1,"type":"comment","text":"x","time":"yesterday"}"#, .invalidTime),
        (#"{"ticket":"A","sequence":1,"type":"comment","text":"x","time":"2024-02-30T00:00:00Z"}"#, .invalidTime),
        (#"{"ticket":"A","sequence":1,"type":"comment","text":"x","expected_version":-1}"#, .invalidNumber),
    ])
    func badLines(line: String, rule: RejectRule) throws {
        let decoded = try decode(line + "\n" + TicketSamples.events)
        #expect(decoded.rules == [rule])
        #expect(decoded.frames.count == 3)
        #expect(decoded.rejected.first?.kindName == "ticket" && decoded.rejected.first?.kind == nil)
        #expect(decoded.rejected.first?.raw == Array(line.utf8))
    }

    @Test func textsThatAreTooLong() throws {
        func line(_ fields: String) -> String {
            #"{"ticket":"A","sequence":1,"type":"change","fields":{\#(fields)}}"# + "\n"
        }
        func text(_ count: Int) -> String { String(repeating: "x", count: count) }
        #expect(try decode(line(#""subject":"\#(text(1_000))""#)).rules.isEmpty)
        #expect(try decode(line(#""subject":"\#(text(999))é""#)).rules == [.textTooLong])
        #expect(try decode(line(#""description":"\#(text(524_288))""#)).rules.isEmpty)
        #expect(try decode(line(#""description":"\#(text(524_289))""#)).rules == [.textTooLong])
        #expect(try decode(line(#""tags":["a","\#(text(524_289))"]"#)).rules == [.textTooLong])
        // Eight texts of the longest that is taken fit, and nine are too much together.
        let many = (1...9).map { #""custom.f\#($0)":"\#(text(524_288))""# }
        #expect(try decode(line(many.dropLast().joined(separator: ","))).rules.isEmpty)
        #expect(try decode(line(many.joined(separator: ","))).rules == [.textTooLong])
        let id = text(201)
        #expect(
            try decode(#"{"ticket":"\#(id)","sequence":1,"type":"comment","text":"x"}"#).rules == [.invalidTicketID]
        )
    }

    @Test func bytesThatAreNotUTF8() throws {
        var line = Array(#"{"ticket":"A","sequence":1,"type":"comment","text":"x"}"#.utf8)
        line[line.count - 3] = 0xFF
        let decoded = try decodeTickets(line + [0x0A], as: TicketEventsFormat())
        #expect(decoded.rules == [.invalidUTF8])
        // At the end of the tape it may be half a character.
        #expect(try decodeTickets(Array(line.dropLast(2)), as: TicketEventsFormat()).truncated != nil)
    }

    @Test func aRepeatedRecordHasTheSameDigest() throws {
        let line = #"{"ticket":"A","sequence":1,"type":"comment","text":"x"}"#
        let decoded = try decode("\(line)\n\(line)\r\n\(line.replacing(#""x""#, with: #""y""#))\n")
        try #require(decoded.frames.count == 3)
        #expect(decoded.frames[0].digest == decoded.frames[1].digest)
        #expect(decoded.frames[0].digest != decoded.frames[2].digest)
        // The published test vector of FNV-1a for "foobar".
        let vector = Array("foobar".utf8).withUnsafeBytes { $0.fnv1a64 }
        #expect(vector == 0x8594_4171_F739_67E8)
    }

    @Test func timesAreMilliseconds() throws {
        for time in [#""2024-05-01T11:00:00.5+02:00""#, "1714554000500", "1714554000500000000", "1714554000.5"] {
            let line = #"{"ticket":"A","sequence":1,"type":"comment","text":"x","time":\#(time)}"#
            #expect(try decode(line).frames.first?.occurredAt == 1_714_554_000_500)
        }
    }

    @Test func aReasonNamesAMisspeltMemberWithoutItsValue() throws {
        let line = #"{"ticket":"A","sequence":1,"type":"comment","text":"x","expected_verison":"secret"}"#
        let reason = try #require(try decode(line + "\n").rejected.first?.reason)
        #expect(reason.contains("'expected_verison'") && !reason.contains("secret"))
    }
}
