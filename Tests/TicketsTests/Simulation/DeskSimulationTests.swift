import SimulatedStore
import Testing

@testable import Tickets

@Suite struct DeskSimulationTests {
    @Test func nothingIsLostOrDoneTwice() async throws {
        try await run(Seeds.list(1...100), "nothingIsLostOrDoneTwice", FaultPlan())
    }

    @Test func nothingIsLostOrDoneTwiceUnderFaults() async throws {
        try await run(Seeds.list(1001...1200), "nothingIsLostOrDoneTwiceUnderFaults", .all(0.06))
    }

    /// Many unknown outcomes: replies get lost and requests arrive much later.
    @Test func nothingIsLostOrDoneTwiceInAStorm() async throws {
        var faults = FaultPlan()
        faults.lostReply = 0.15
        faults.lateApply = 0.2
        faults.readUnavailable = 0.2
        faults.slow = 0.1
        try await run(Seeds.list(2001...2100), "nothingIsLostOrDoneTwiceInAStorm", faults)
    }

    private func run(_ seeds: [UInt64], _ test: String, _ faults: FaultPlan) async throws {
        var saved = 0
        var conflicts = 0
        for seed in seeds {
            let simulation = DeskSimulation(seed: seed, faults: faults)
            let problems = try await simulation.run(agents: 4, tickets: 2, actionsEach: 7)
            #expect(problems.isEmpty, "\(Seeds.report(seed, test, problems))")
            saved += simulation.tally.saved
            conflicts += simulation.tally.conflicts
        }
        // Fewer would mean that little happens at the same time.
        if seeds.count > 1 { #expect(saved > seeds.count * 10 && conflicts > seeds.count / 2) }
    }

    /// Half of the agents have a program that adds fields to tickets; the others keep them.
    @Test func fieldsOfNewerProgramsSurvive() async throws {
        for seed in Seeds.list(3001...3100) {
            let added = AddedFields(seed: seed)
            let simulation = DeskSimulation(seed: seed, faults: .all(0.06), added: added)
            var problems = try await simulation.run(agents: 4, tickets: 2, actionsEach: 7)
            problems += added.missing(from: simulation.stand.store)
            #expect(problems.isEmpty, "\(Seeds.report(seed, "fieldsOfNewerProgramsSurvive", problems))")
            #expect(added.count > 0)
        }
    }

    @Test func sameSeedGivesTheSameRun() async throws {
        for seed in Seeds.list(1...5) {
            let runs = [0, 1].map { _ in DeskSimulation(seed: seed, faults: .all(0.06)) }
            for simulation in runs { _ = try await simulation.run(agents: 3, tickets: 2, actionsEach: 5) }
            #expect(runs[0].stand.store.history == runs[1].stand.store.history)
        }
    }
}
