import BSON
import DocumentStore
import Feeds
import Ingest
import SimulatedStore
import Testing
import Tickets

/// Tapes of ticket events through the real `TicketReplay`: whatever ends it, the next run makes what an uninterrupted
/// one makes.
@Suite struct TicketReplayTests {
    private func tape(_ seed: UInt64, _ lineCount: Int) -> TicketTape {
        var generator = TicketTapeGenerator(seed: seed)
        return generator.make(lineCount: lineCount)
    }

    private func whole(_ tape: TicketTape, _ seed: UInt64) async throws -> TicketPicture {
        let simulation = TicketSimulation(tape, seed: seed)
        try await simulation.replay()
        return try await .take(simulation)
    }

    /// Reports what is wrong; says whether nothing is.
    private func judge(
        _ simulation: TicketSimulation,
        _ expected: TicketPicture,
        _ seed: UInt64,
        _ test: String,
        _ what: String
    ) async throws -> Bool {
        simulation.calmDown()
        var problems = try await TicketPicture.take(simulation).differences(from: expected)
        problems += try await simulation.problems()
        guard !problems.isEmpty else { return true }
        Issue.record("\(Seeds.report(seed, test, [what] + problems))")
        return false
    }

    /// Each record is an event once, or refused: what the pictures are compared with is right itself.
    @Test func everyRecordIsStoredOnceOrRefused() async throws {
        var kinds: [String: Int] = [:]
        for seed in Seeds.list(1...60) {
            let tape = tape(seed, 40)
            let simulation = TicketSimulation(tape, seed: seed)
            let report = try await simulation.replay()
            let picture = try await TicketPicture.take(simulation)
            let records = tape.lines.filter { !$0.isEmpty }
            let cutOff = report.truncatedAt == nil ? 0 : 1
            #expect(report.counts.records == records.count - cutOff, "seed \(seed)")
            #expect(Set(picture.origins).count == picture.origins.count, "seed \(seed)")
            #expect(report.stored == picture.origins.count, "seed \(seed)")
            #expect(picture.rejects.count == report.counts.rejected.values.reduce(0, +), "seed \(seed)")
            // A refused record may be repeated as often as it likes; what is sound is among the events.
            let malformed = report.counts.records - report.counts.eventTotal
            let sound = report.counts.eventTotal - report.counts.rejectedEvents
            #expect(report.alreadyStored == sound - report.stored, "seed \(seed)")
            #expect(picture.checkpoint.count == 1)
            for (rule, count) in report.counts.rejected { kinds[rule, default: 0] += count }
            kinds["malformed at all", default: 0] += malformed
            kinds["late", default: 0] += report.counts.flagged["late"] ?? 0
            kinds["repeated", default: 0] += report.alreadyStored
            kinds["gaps", default: 0] += picture.gaps.count
            kinds["closed gaps", default: 0] += picture.gaps.count - report.gaps.count
            #expect(try await simulation.problems() == [], "seed \(seed)")
        }
        guard Seeds.list(1...60).count > 1 else { return }
        for kind in ["version_conflict", "unknown_ticket", "late", "repeated", "gaps", "closed gaps", "malformed"] {
            #expect(kinds[kind] ?? 0 > 10, "\(kind) is what these tapes are for: \(kinds)")
        }
    }

    @Test func everyCrashPointOfSmallTapes() async throws {
        for seed in Seeds.list(1001...1012) {
            let tape = tape(seed, 8 + Int(seed % 7))
            let reference = TicketSimulation(tape, seed: seed)
            try await reference.replay()
            let expected = try await TicketPicture.take(reference)
            let operations = reference.store.operationCount
            for number in 1...operations {
                for isReplyLost in [false, true] {
                    let simulation = TicketSimulation(tape, seed: seed)
                    simulation.store.crashAfter(number, lastReplyLost: isReplyLost)
                    _ = try? await simulation.replay()
                    try await simulation.finish()
                    let crash = "crash after operation \(number), reply lost: \(isReplyLost)"
                    guard try await judge(simulation, expected, seed, "everyCrashPointOfSmallTapes", crash) else {
                        return
                    }
                }
            }
        }
    }

    @Test func crashesAndFaultsOneAfterTheOther() async throws {
        for seed in Seeds.list(2001...2060) {
            var random = SplitMix64(seed: seed)
            let tape = tape(seed, 30)
            let expected = try await whole(tape, seed)
            let simulation = TicketSimulation(tape, seed: seed, faults: .all(0.02 + 0.1 * random.nextUnit()))
            for _ in 0..<random.nextIndex(below: 5) {
                simulation.store.crashAfter(
                    1 + random.nextIndex(below: 60),
                    lastReplyLost: random.nextIndex(below: 2) == 0
                )
                _ = try? await simulation.replay(
                    startsOver: random.nextIndex(below: 4) == 0,
                    limit: random.nextIndex(below: 4) == 0 ? random.nextIndex(below: 30) : nil,
                    deadline: random.nextIndex(below: 3) == 0 ? .milliseconds(60) : .seconds(8)
                )
                simulation.store.revive()
            }
            try await simulation.finish()
            guard try await judge(simulation, expected, seed, "crashesAndFaultsOneAfterTheOther", "") else { return }
        }
    }

    @Test func aRunFromTheStartChangesNothing() async throws {
        for seed in Seeds.list(3001...3020) {
            let tape = tape(seed, 40)
            let simulation = TicketSimulation(tape, seed: seed)
            let first = try await simulation.replay()
            let picture = try await TicketPicture.take(simulation)
            let again = try await simulation.replay(startsOver: true)
            #expect(again.counts == first.counts, "seed \(seed)")
            #expect(again.stored == 0 && again.gaps == first.gaps, "seed \(seed)")
            let third = try await simulation.replay()
            #expect(third.counts == first.counts && third.stored == 0, "seed \(seed)")
            guard try await judge(simulation, picture, seed, "aRunFromTheStartChangesNothing", "") else { return }
        }
    }

    /// With threads of their own: what happens in which order differs from run to run, what is stored must not.
    @Test func competingReplaysStoreEverythingOnce() async throws {
        for seed in Seeds.list(4001...4020) {
            let tape = tape(seed, 40)
            let expected = try await whole(tape, seed)
            let simulation = TicketSimulation(tape, seed: seed, faults: .all(0.03))
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<3 { group.addTask { _ = try? await simulation.replay() } }
            }
            try await simulation.finish()
            guard try await judge(simulation, expected, seed, "competingReplaysStoreEverythingOnce", "") else { return }
        }
    }

    /// An agent's saves and the tape's steps interleave anyhow; both are there in the end, each in its own order.
    @Test func replaysAndAgentsAtTheSameTimeLoseNothing() async throws {
        for seed in Seeds.list(5001...5020) {
            let tape = tape(seed, 40)
            let expected = try await whole(tape, seed)
            let simulation = TicketSimulation(tape, seed: seed, faults: .all(0.03))
            let said = await withTaskGroup(of: [String].self) { group in
                for _ in 0..<2 {
                    group.addTask {
                        _ = try? await simulation.replay()
                        return []
                    }
                }
                group.addTask { await Self.work(simulation, tape, seed) }
                return await group.reduce(into: []) { $0 += $1 }
            }
            try await simulation.finish()
            simulation.calmDown()
            let picture = try await TicketPicture.take(simulation)
            var problems = try await simulation.problems()
            if picture.origins != expected.origins { problems.append("the events of the tape are others") }
            let history = picture.tickets.joined(separator: "\n")
            for note in said where history.components(note) != 1 {
                problems.append("an agent's '\(note)' is there \(history.components(note)) times")
            }
            guard problems.isEmpty else {
                Issue.record("\(Seeds.report(seed, "replaysAndAgentsAtTheSameTimeLoseNothing", problems))")
                return
            }
        }
    }

    /// Comments on tickets and sets their group; answers the comments that were acknowledged.
    private static func work(_ simulation: TicketSimulation, _ tape: TicketTape, _ seed: UInt64) async -> [String] {
        var random = SplitMix64(seed: seed)
        let desk = simulation.desk()
        var said: [String] = []
        for number in 0..<60 {
            let ticket = tape.tickets[random.nextIndex(below: tape.tickets.count)]
            let text = "<note \(number) of an agent>"
            let intent = TicketIntent(
                .comment,
                assignments: number % 3 == 0 ? [.init(.group, .string("g\(number)"))] : [],
                comment: .init(text: text)
            )
            let id = TicketImporter.id(source: TicketSimulation.source, externalID: ticket)
            guard case .saved? = try? await desk.save(intent, on: id, by: "mia", choice: .rebase) else { continue }
            said.append(text)
        }
        return said
    }
}

extension String {
    /// How often a text is in this one.
    fileprivate func components(_ text: String) -> Int {
        var count = 0
        var rest = self[...]
        while let range = rest.firstRange(of: text) {
            count += 1
            rest = rest[range.upperBound...]
        }
        return count
    }
}
