/// Where a load goes: a way of storing tickets that agents read and change.
protocol LoadTarget: Sendable {
    /// What an agent has before them.
    associatedtype View: Sendable
    /// What an agent is told of a save.
    associatedtype Answer: Sendable

    func look(at ticket: Int) async throws -> View
    func values(of view: View) -> FieldValues
    func save(_ change: PlannedChange, on view: View, ticket: Int, by agent: Int, number: Int) async -> Answer
}

/// One save of the load.
struct LoadRecord<Answer: Sendable>: Sendable {
    let ticket: Int
    let agent: Int
    let change: PlannedChange
    let answer: Answer
    /// From the agent's call to the answer.
    let latency: Duration
}

/// What a load did.
struct LoadRun<Answer: Sendable>: Sendable {
    var records: [LoadRecord<Answer>] = []
    var elapsed = Duration.zero
    /// Why tickets could not be read.
    var failedReads: [String] = []
}

/// Many agents at once, each of which looks at a ticket, thinks, changes it, and goes on to the next until the time
/// is over.
struct TicketLoad: Sendable {
    let agents: Int
    let tickets: Int
    let duration: Duration
    /// An agent thinks for any time up to this one between a look and the save.
    let thinkMax: Duration
    let seed: UInt64

    func run<Target: LoadTarget>(_ target: Target) async -> LoadRun<Target.Answer> {
        let start = ContinuousClock.now
        let end = start + duration
        let parts = await withTaskGroup(of: LoadRun<Target.Answer>.self) { group in
            for agent in 0..<agents { group.addTask { await work(agent, until: end, target) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var run = LoadRun<Target.Answer>()
        run.elapsed = ContinuousClock.now - start
        run.records.reserveCapacity(parts.reduce(0) { $0 + $1.records.count })
        for part in parts {
            run.records += part.records
            run.failedReads += part.failedReads
        }
        return run
    }

    private func work<Target: LoadTarget>(
        _ agent: Int,
        until end: ContinuousClock.Instant,
        _ target: Target
    ) async -> LoadRun<Target.Answer> {
        var random = SeededRandom(seed: seed, stream: agent)
        let mix = LoadMix(agentCount: agents)
        var run = LoadRun<Target.Answer>()
        var number = 0
        while ContinuousClock.now < end {
            number += 1
            let ticket = random.index(below: tickets)
            let thinking = thinkMax * random.unit()
            do {
                let view = try await target.look(at: ticket)
                let change = mix.change(target.values(of: view), marker: "m\(agent)-\(number)", &random)
                try await Task.sleep(for: thinking)
                let start = ContinuousClock.now
                let answer = await target.save(change, on: view, ticket: ticket, by: agent, number: number)
                let latency = ContinuousClock.now - start
                run.records.append(
                    LoadRecord(ticket: ticket, agent: agent, change: change, answer: answer, latency: latency)
                )
            } catch {
                run.failedReads.append("\(error)")
                if run.failedReads.count == Self.failedReadsMax { break }
            }
        }
        return run
    }

    /// An agent that cannot read so often gives up.
    private static let failedReadsMax = 10
}
