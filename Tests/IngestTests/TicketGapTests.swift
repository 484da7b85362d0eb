import BSON
import Ingest
import Testing

@testable import Tickets

/// Missing numbers of tickets, and refused records, as a replay keeps them.
@Suite struct TicketGapTests {
    private func line(_ sequence: Int, _ rest: String, of ticket: String = "A") -> String {
        #"{"ticket":"\#(ticket)","sequence":\#(sequence),\#(rest)}"#
    }

    private func create(_ sequence: Int = 1, of ticket: String = "A") -> String {
        line(sequence, #""type":"create","fields":{"subject":"s","requester":"r@example.com"}"#, of: ticket)
    }

    private func change(_ sequence: Int, _ fields: String, expecting version: Int? = nil) -> String {
        let expected = version.map { #","expected_version":\#($0)"# } ?? ""
        return line(sequence, #""type":"change","fields":{\#(fields)}\#(expected)"#)
    }

    private func comment(_ sequence: Int, _ text: String = "hello", of ticket: String = "A") -> String {
        line(sequence, #""type":"comment","text":"\#(text)""#, of: ticket)
    }

    @Test func aHoleOpensShrinksSplitsAndCloses() async throws {
        let stand = TicketImportStand()
        var lines = [create(), comment(6)]
        var report = try await stand.replay(lines, tape: "1")
        #expect(stand.gaps == ["A 1..6: 4"])
        #expect(report.gaps.map(\.missing) == [4])
        // Each tape is a later export of the same system.
        for (step, expected) in [(3, "A 1..6: 3"), (5, "A 1..6: 2"), (5, "A 1..6: 2"), (2, "A 1..6: 1")] {
            lines.append(comment(step))
            report = try await stand.replay(lines, tape: "\(lines.count)")
            #expect(stand.gaps == [expected])
        }
        lines.append(comment(4))
        report = try await stand.replay(lines, tape: "last")
        #expect(stand.gaps == ["A 1..6: 0 closed"])
        #expect(report.gaps.isEmpty)
        #expect(report.counts.flagged == ["late": 5])
        #expect(try await stand.ticket().source?.gaps == [])
        try await stand.expectClean()
    }

    @Test func holesThatCloseOnTheSameTapeLeaveNothingOpen() async throws {
        let stand = TicketImportStand()
        let report = try await stand.replay([create(), comment(4), comment(3), comment(2), comment(5)])
        #expect(report.gaps.isEmpty)
        #expect(stand.gaps == ["A 1..4: 0 closed"])
    }

    @Test func aNewCountHasHolesOfItsOwn() async throws {
        let stand = TicketImportStand(.restarting)
        func snapshot(_ sequence: Int64, at time: Int64) -> ImportedStep {
            .make(.snapshot, sequence, at: time, [(.subject, "at \(time)")])
        }
        let steps = [
            snapshot(1, at: 10), snapshot(3, at: 20), snapshot(2, at: 30), snapshot(3, at: 40),
            snapshot(5, at: 50), snapshot(1, at: 60), snapshot(3, at: 70), snapshot(6, at: 80),
        ]
        let outcomes = try await stand.apply(steps)
        #expect(outcomes == [.made, .changed, .late, .changed, .changed, .late, .changed, .changed])
        let gaps = stand.notes.flatMap(\.gaps).map { "\($0.numbering): \($0.after)..\($0.before) \($0.missing)" }
        #expect(
            gaps == [
                "0: 1..3 1", "0: 1..3 0", "1: -1..3 3", "1: 3..5 1", "1: -1..3 2", "2: -1..3 3", "2: 3..6 2",
            ]
        )
        // Every hole has an identity of its own: its count, and the number before it.
        let identities = Set(gaps.compactMap { $0.split(separator: "..").first })
        #expect(identities.count == 5)
        let again = try await stand.apply(steps)
        #expect(again == outcomes.map { .duplicate(of: $0) })
        try await stand.expectClean()
    }

    @Test func aConflictIsRefusedKeptAndTheSameWhenItComesAgain() async throws {
        let stand = TicketImportStand()
        let lines = [
            create(), change(2, #""status":"open""#), change(3, #""status":"closed""#, expecting: 1),
            change(3, #""status":"closed""#, expecting: 1), change(4, #""group":"g""#, expecting: 1),
        ]
        let report = try await stand.replay(lines)
        #expect(report.counts.rejected == ["version_conflict": 2], "each record of its own place")
        #expect(stand.rejects == ["3 version_conflict A", "4 version_conflict A"])
        #expect(report.stored == 4 && report.alreadyStored == 1)
        #expect(try await stand.ticket().operations == [.create, .import, .late, .import])
        let before = stand.documents
        let again = try await stand.replay(lines, startsOver: true)
        #expect(again.counts == report.counts)
        #expect(again.stored == 0 && again.alreadyStored == 5)
        #expect(stand.documents == before)
    }

    @Test func recordsOfUnknownTicketsStayRefusedOnTheirTape() async throws {
        let stand = TicketImportStand()
        let lines = [comment(2), comment(1, of: "B"), create(), comment(3, "known")]
        let report = try await stand.replay(lines)
        #expect(report.counts.rejected == ["unknown_ticket": 2])
        #expect(report.counts.rejectedEvents == 2 && report.stored == 2 && report.alreadyStored == 0)
        #expect(stand.rejects == ["1 unknown_ticket A", "2 unknown_ticket B"])
        #expect(stand.gaps == ["A 1..3: 1"])
        let before = stand.documents
        let again = try await stand.replay(lines, startsOver: true)
        #expect(again.counts == report.counts)
        #expect(stand.documents == before)
        // A later export that knows the ticket from its beginning brings what was refused.
        let export = try await stand.replay([create(), comment(2), comment(3, "known")], tape: "later")
        #expect(export.counts.flagged == ["late": 1] && export.stored == 1)
        #expect(stand.gaps == ["A 1..3: 0 closed"])
        #expect(try await stand.ticket().thread == ["known", "hello"])
    }

    @Test func ticketsAreCountedOnceHoweverOftenTheirRecordsCome() async throws {
        let stand = TicketImportStand()
        let lines = [create(), create(of: "B"), create(), create(of: "B"), comment(2)]
        let report = try await stand.replay(lines)
        #expect(report.counts.tickets == 2)
        #expect(report.stored == 3 && report.alreadyStored == 2)
        #expect(try await stand.replay(lines, startsOver: true).counts.tickets == 2)
        #expect(try await stand.replay(lines).counts.tickets == 2)
    }

    /// Whatever a decoder lets through is stored: nothing that a source says is left out in silence.
    @Test func customFieldsOfAnyLettersAreKept() async throws {
        let stand = TicketImportStand()
        let fields = #""custom.Region":"EU","custom.größe":"XL","custom.plain-1_a":"x","custom.list":["a","b"]"#
        try await stand.replay([create(), change(2, fields)])
        let custom = try await stand.ticket().custom
        #expect(custom == ["Region": "EU", "größe": "XL", "plain-1_a": "x", "list": ["a", "b"]])
        try await stand.expectClean()
    }

    @Test(arguments: ["", "a:b"])
    func namesThatWouldMixTicketsOfTwoSourcesAreRefused(_ name: String) async throws {
        #expect(TicketImporter.id(source: "a", externalID: "b:1") == TicketImporter.id(source: "a:b", externalID: "1"))
        try await TicketDryRun(source: name).expectRefused()
    }
}
