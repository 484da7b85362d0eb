import BSON
import DocumentStore
import SimulatedStore
import Synchronization
import Testing

@testable import Tickets

/// Importers and agents that interleave at every operation in an order that the seed decides.
@Suite struct TicketImportStormTests {
    /// Steps of two tickets in the order of a tape: late ones, repeated ones, and steps of no ticket yet.
    private func steps(_ random: inout SplitMix64) -> [ImportedStep] {
        var steps: [ImportedStep] = []
        var next: [Int64] = [1, 1]
        for number in 0..<16 {
            if let last = steps.last, random.nextIndex(below: 6) == 0 {
                steps.append(last)
                continue
            }
            let ticket = random.nextIndex(below: 2)
            var sequence = next[ticket]
            switch random.nextIndex(below: 6) {
            case 0: sequence += 1
            case 1: sequence = max(1, sequence - 2)
            default: break
            }
            next[ticket] = max(next[ticket], sequence + 1)
            let isFirst = !steps.contains { $0.externalID == "T\(ticket)" && $0.kind == .create }
            let kind: ImportedStep.Kind =
                isFirst && random.nextIndex(below: 4) > 0
                ? .create : (random.nextIndex(below: 2) == 0 ? .change : .comment)
            var step = ImportedStep(
                externalID: "T\(ticket)",
                sequence: sequence,
                kind: kind,
                actor: "robot",
                digest: Int64(number)
            )
            step.assignments = kind == .comment ? [] : [.init(.subject, .string("subject \(number)"))]
            step.comment = kind == .comment ? .init(text: "text \(number)") : nil
            steps.append(step)
        }
        return steps
    }

    /// What a run refused, kept as a replay keeps it.
    private final class Refusals: Sendable {
        private let indices = Mutex<Set<Int>>([])

        func add(_ more: [Int], behind start: Int) { indices.withLock { $0.formUnion(more.map { $0 + start }) } }

        func within(_ range: Range<Int>) -> Set<Int> {
            indices.withLock { Set($0.filter(range.contains).map { $0 - range.lowerBound }) }
        }

        var all: [Int] { indices.withLock { $0.sorted() } }
    }

    private func origins(_ simulation: TicketSimulation) async throws -> [String] {
        var found: [String] = []
        for document in simulation.store.documents(in: SupportRequestsCollection.name) {
            let ticket = try Ticket(document)
            found += ticket.events.compactMap { event in
                event.origin.map { "\(ticket.id) \($0.sequence) \($0.digest ?? 0) \(event.operation)" }
            }
        }
        return found
    }

    /// Applies the steps a few at a time, in portions of its own.
    private func importAll(
        _ steps: [ImportedStep],
        _ simulation: TicketSimulation,
        _ refusals: Refusals,
        seed: UInt64
    ) async throws {
        var random = SplitMix64(seed: seed)
        let importer = TicketImporter(simulation.desk(), source: TicketSimulation.source, numbering: .contiguous)
        var start = 0
        while start < steps.count {
            let range = start..<min(steps.count, start + 1 + random.nextIndex(below: 6))
            _ = try await importer.apply(Array(steps[range])) {
                refusals.within(range)
            } keep: { notes in
                refusals.add(notes.unknown, behind: range.lowerBound)
            }
            start = range.upperBound
        }
    }

    private func run(_ body: @escaping @Sendable () async throws -> Void) throws {
        let failure = Mutex<(any Error)?>(nil)
        let scheduler = SimulatedScheduler(seed: 0)
        scheduler.start {
            do { try await body() } catch { failure.withLock { $0 = error } }
        }
        scheduler.run()
        if let error = failure.withLock({ $0 }) { throw error }
    }

    @Test func importersAndAgentsInterleaveAnyhow() throws {
        for seed in Seeds.list(1...100) {
            var random = SplitMix64(seed: seed)
            let steps = steps(&random)
            let none = TicketTape(tickets: [], lines: [], lineEnd: "\n", endsClosed: true)
            let reference = TicketSimulation(none, seed: seed)
            let expectedRefusals = Refusals()
            let problems = Mutex<[String]>([])
            try run { try await self.importAll(steps, reference, expectedRefusals, seed: seed) }

            let faults = seed % 2 == 0 ? FaultPlan() : FaultPlan.all(0.05)
            let simulation = TicketSimulation(none, seed: seed, faults: faults)
            let refusals = Refusals()
            let scheduler = SimulatedScheduler(seed: random.next())
            for seed in (0..<2).map({ _ in random.next() }) {
                scheduler.start { _ = try? await self.importAll(steps, simulation, refusals, seed: seed) }
            }
            let acknowledged = Mutex(0)
            let agentSeed = random.next()
            scheduler.start {
                let count = await self.comment(simulation, seed: agentSeed)
                acknowledged.withLock { $0 = count }
            }
            scheduler.run()
            try run {
                simulation.calmDown()
                try await self.importAll(steps, simulation, refusals, seed: seed)
                let found = try await self.origins(simulation)
                let expected = try await self.origins(reference)
                let wrong = try await simulation.problems()
                problems.withLock { problems in
                    problems += wrong
                    if found != expected { problems.append("\(found)\n  instead of \(expected)") }
                    if refusals.all != expectedRefusals.all {
                        problems.append("refused are \(refusals.all), not \(expectedRefusals.all)")
                    }
                }
            }
            let comments = simulation.store.documents(in: SupportRequestsCollection.name)
                .compactMap { try? Ticket($0) }
                .flatMap { $0.events }.count { $0.origin == nil }
            let known = acknowledged.withLock { $0 }
            if comments < known { problems.withLock { $0.append("\(comments) comments of agents, not \(known)") } }
            let list = problems.withLock { $0 }
            guard list.isEmpty else {
                Issue.record("\(Seeds.report(seed, "importersAndAgentsInterleaveAnyhow", list))")
                return
            }
        }
    }

    /// Comments as long as there is something to comment on; answers how many were acknowledged.
    private func comment(_ simulation: TicketSimulation, seed: UInt64) async -> Int {
        var random = SplitMix64(seed: seed)
        let desk = simulation.desk()
        var count = 0
        for number in 0..<10 {
            let id = TicketImporter.id(source: TicketSimulation.source, externalID: "T\(random.nextIndex(below: 2))")
            let intent = TicketIntent(.comment, comment: .init(text: "agent \(number)"))
            if case .saved? = try? await desk.save(intent, on: id, by: "mia") { count += 1 }
        }
        return count
    }
}
