import DocumentStore
import Feeds
import Ingest
import SimulatedStore
import Testing

@testable import Tickets

/// A replay that writes nothing.
struct TicketDryRun {
    var source = TicketImportStand.source

    func run(_ lines: [String]) async throws -> ReplayReport {
        let bytes = Array((lines.joined(separator: "\n") + "\n").utf8)
        let replay = TicketReplay(
            TicketReplay.Options(source: source, tape: "tape"),
            format: TicketEventsFormat(),
            target: nil
        )
        return try await replay.run(try TapeInput(stream: MemorySource(bytes), path: "tape", name: "tape"))
    }

    func expectRefused(_ location: SourceLocation = #_sourceLocation) async throws {
        let error = await #expect(throws: StoreError.self, sourceLocation: location) { try await run(["{}"]) }
        #expect(error?.code == .refused, sourceLocation: location)
    }
}

/// A dry run comes to what a real run on an empty store comes to.
@Suite struct TicketTallyTests {
    /// Steps of three tickets: late, repeated, missing, with expectations that hold and others.
    private func steps(_ numbering: ImportNumbering, seed: UInt64) -> [ImportedStep] {
        var random = SplitMix64(seed: seed)
        var steps: [ImportedStep] = []
        var next: [String: Int64] = [:]
        var time: Int64 = 1_000
        for _ in 0..<40 {
            if let known = steps.last, random.nextIndex(below: 7) == 0 {
                steps.append(random.nextIndex(below: 2) == 0 ? known : steps[random.nextIndex(below: steps.count)])
                continue
            }
            time += Int64(random.nextIndex(below: 4)) - 1
            let ticket = ["A", "B", "C"][random.nextIndex(below: 3)]
            var sequence = next[ticket] ?? Int64(random.nextIndex(below: 3))
            switch random.nextIndex(below: 8) {
            case 0: sequence = max(0, sequence - Int64(random.nextIndex(below: 6)))
            case 1: sequence += Int64(random.nextIndex(below: 4))
            default: break
            }
            next[ticket] = max(next[ticket] ?? 0, sequence + 1)
            steps.append(step(ticket, sequence, time, numbering, &random))
        }
        return steps
    }

    private func step(
        _ ticket: String,
        _ sequence: Int64,
        _ time: Int64,
        _ numbering: ImportNumbering,
        _ random: inout SplitMix64
    ) -> ImportedStep {
        let at = random.nextIndex(below: 5) == 0 ? nil : time
        let expected =
            numbering != .restarting && random.nextIndex(below: 3) == 0 ? Int64(random.nextIndex(below: 9)) : nil
        let fields: [(TicketField, String?)] = [
            (.status, ["new", "open", "closed"][random.nextIndex(below: 3)]),
            (.assignee, [nil, "mia", "noa"][random.nextIndex(below: 3)]),
            (TicketField(stored: "custom.region"), [nil, "EU"][random.nextIndex(below: 2)]),
        ]
        let some = fields.filter { _ in random.nextIndex(below: 2) == 0 }
        let subject: [(TicketField, String?)] = [(.subject, "s"), (.requester, "r@example.com")]
        switch random.nextIndex(below: numbering == .contiguous ? 6 : 12) {
        case 0: return .make(.create, sequence, of: ticket, at: at, subject + some)
        case 1, 2: return .make(.change, sequence, of: ticket, at: at, some, expecting: expected)
        case 3 where numbering != .restarting:
            return .make(.comment, sequence, of: ticket, at: at, comment: "c\(time)", expecting: expected)
        case 4 where numbering == .contiguous:
            return .make(.change, sequence, of: ticket, at: at, fields, expecting: expected)
        default: return .make(.snapshot, sequence, of: ticket, at: at, subject + some, expecting: expected)
        }
    }

    @Test(arguments: [ImportNumbering.contiguous, .restarting, .increasing])
    func stepsComeToTheSameWithoutAStore(_ numbering: ImportNumbering) async throws {
        var seen: [String: Int] = [:]
        for seed in UInt64(1)...80 {
            let steps = steps(numbering, seed: seed)
            let stand = TicketImportStand(numbering)
            var tally = ImportTally(numbering: numbering)
            let expected = try await stand.apply(steps)
            let outcomes = steps.map { tally.add($0) }
            for outcome in outcomes { seen["\(outcome)", default: 0] += 1 }
            guard outcomes == expected else {
                let index = zip(outcomes, expected).enumerated().first { $1.0 != $1.1 }?.offset ?? 0
                Issue.record("seed \(seed), step \(index): \(outcomes[index]), not \(expected[index])")
                return
            }
            #expect(try await tally.ticketCount == stand.importer().ticketCount(), "seed \(seed)")
            #expect(try await gaps(stand) == tally.gaps.map(describe), "seed \(seed)")
            try await stand.expectClean()
        }
        // Random steps that never come to something show nothing about it.
        let wanted = numbering == .restarting ? 5 : 8
        #expect(seen.count >= wanted, "\(seen)")
    }

    private func describe(_ gap: ImportedGap) -> String {
        "\(gap.externalID) \(gap.numbering): \(gap.after)..\(gap.before) \(gap.missing)"
    }

    private func gaps(_ stand: TicketImportStand) async throws -> [String] {
        var found: [String] = []
        for document in stand.store.documents(in: SupportRequestsCollection.name) {
            let source = try #require(try Ticket(document).source)
            found += source.gaps.map {
                "\(source.externalID) \($0.numbering): \($0.after)..\($0.before) \($0.missingCount)"
            }
        }
        return found
    }

    @Test func aDryReplayReportsWhatARealOneReports() async throws {
        let create = #""type":"create","fields":{"subject":"s","requester":"r@example.com"}"#
        let lines = [
            #"{"ticket":"A","sequence":1,\#(create)}"#,
            #"{"ticket":"A","sequence":3,"type":"change","fields":{"status":"open"}}"#,
            #"{"ticket":"A","sequence":2,"type":"comment","text":"late"}"#,
            #"{"ticket":"A","sequence":2,"type":"comment","text":"late"}"#,
            #"{"ticket":"A","sequence":5,"type":"change","fields":{"status":"closed"},"expected_version":1}"#,
            #"{"ticket":"A","sequence":5,"type":"change","fields":{"status":"closed"},"expected_version":1}"#,
            #"{"ticket":"B","sequence":1,"type":"comment","text":"lost"}"#,
            #"{"ticket":"A","sequence":"#,
            #"{"ticket":"A","sequence":1,\#(create)}"#,
        ]
        let dry = try await TicketDryRun().run(lines)
        let real = try await TicketImportStand().replay(lines)
        #expect(dry.counts == real.counts)
        #expect(dry.stored == 0 || dry.stored == real.stored)
        #expect(dry.stored == real.stored && dry.alreadyStored == real.alreadyStored)
        #expect(dry.gaps.map(\.missing) == real.gaps.map(\.missing))
        #expect(real.counts.rejected == ["malformed": 1, "unknown_ticket": 1, "version_conflict": 2])
        #expect(real.counts.flagged == ["late": 2])
    }
}
