import ArgumentParser
import Console
import DocumentStore
import JSONOutput
import MongoRuntime
import MongoStore
import Tickets

struct TicketLoadBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tickets",
        abstract: "Let many agents change few tickets at once, and check everything that they were told.",
        discussion: """
            60 % comments, 25 % field changes, 10 % assignments, 5 % steps of the status. Afterwards a model that \
            knows only the answers says which saves had to be stored or refused, and how the tickets have to be. \
            Exit code 1 where anything is otherwise.

            With --naive the same load reads a plain document, changes it in memory, and replaces it as a whole: the \
            figures say how many acknowledged changes are lost that way.
            """
    )

    @OptionGroup var target: BenchTarget
    @Option(help: "Agents at once.") var agents = 1_000
    @Option(help: "Tickets that they share.") var tickets = 200
    @Option(help: "Seconds of load.") var seconds = 60
    @Option(help: "Connections at the most.") var connections = 32
    @Option(help: ArgumentHelp("The longest time between a look and its save.", valueName: "ms")) var think = 20
    @Option(help: "Seed of what the agents do.") var seed: UInt64 = 1
    @Flag(help: "Replace whole documents without comparing versions.") var naive = false
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        // Each agent may wait for a connection, and more than these are turned away.
        guard (1...ConnectionPool.waiterCountMax).contains(agents) else {
            throw ValidationError("--agents takes 1 to \(ConnectionPool.waiterCountMax)")
        }
        guard (1...100_000).contains(tickets) else { throw ValidationError("--tickets takes 1 to 100000") }
        guard (1...600).contains(seconds) else { throw ValidationError("--seconds takes 1 to 600") }
        guard (1...MongoConfiguration.connectionCountMax).contains(connections) else {
            throw ValidationError("--connections takes 1 to \(MongoConfiguration.connectionCountMax)")
        }
        guard (0...10_000).contains(think) else { throw ValidationError("--think takes 0 to 10000") }
    }

    func run() async {
        let status = await reportingFailures {
            let report = try await target.withDatabase(connections: connections) { database in
                naive ? try await runNaive(database) : try await runVersioned(database)
            }
            Terminal.output(json ? report.json.text : report.text)
            return report.findings.count == 0 ? ExitStatus.done : ExitStatus.foundProblems
        }
        endProcess(status)
    }

    private var load: TicketLoad {
        TicketLoad(
            agents: agents,
            tickets: tickets,
            duration: .seconds(seconds),
            thinkMax: .milliseconds(think),
            seed: seed
        )
    }

    /// What both reports begin with.
    private func report<Answer>(of run: LoadRun<Answer>, stored: Int) -> LoadReport {
        var report = LoadReport()
        report.add("changes per second", Double(stored) / (run.elapsed / .seconds(1)), "changes/s")
        report.add("saves", run.records.count, "saves")
        report.add("acknowledged changes", stored, "changes")
        report.add(latencies: run.records.map(\.latency))
        for failure in run.failedReads { report.findings.add("a ticket could not be read: \(failure)") }
        return report
    }

    private func addSetting(_ elapsed: Duration, to report: inout LoadReport) {
        report.add("duration", elapsed / .seconds(1), "s")
        report.add("agents", agents, "")
        report.add("connections", connections, "")
    }
}

// MARK: - With versions

extension TicketLoadBench {
    private func runVersioned(_ database: Database) async throws -> LoadReport {
        try await database.prepare(TicketCollections.all)
        let desk = database.desk()
        let target = try await VersionedDesk.make(desk, tickets: tickets, seed: seed)
        let before = desk.statistics
        let run = await load.run(target)
        let after = desk.statistics
        let counts = SaveCounts(run.records)
        var report = report(of: run, stored: counts.saved)
        report.add("conflicts told", counts.conflicts, "saves")
        report.add("conflict rate", 100 * Double(counts.conflicts) / Double(max(1, run.records.count)), "%")
        report.add("nothing to do", counts.unchanged, "saves")
        report.add("failures", counts.failures.count, "saves")
        report.add("retries after another change", after.conflicts - before.conflicts, "attempts")
        report.add("retries after an error", after.retries - before.retries, "attempts")
        for failure in counts.failures { report.findings.add("a save failed: \(failure)") }
        let events = try await check(target, run.records, database, &report.findings)
        report.add("events checked", events, "events")
        addSetting(run.elapsed, to: &report)
        return report
    }

    /// Compares everything that is stored with what the agents were told; returns the number of events.
    private func check(
        _ target: VersionedDesk,
        _ records: [HistoryCheck.Record],
        _ database: Database,
        _ findings: inout Findings
    ) async throws -> Int {
        var byTicket = [[HistoryCheck.Record]](repeating: [], count: tickets)
        for record in records { byTicket[record.ticket].append(record) }
        var events = 0
        for (ticket, id) in target.ids.enumerated() {
            guard let stored = try await StoredHistory.read(id, from: database.store) else {
                findings.add("ticket \(id) is gone")
                continue
            }
            events += stored.events.count
            let start = LoadStart(ticket: ticket, seed: seed)
            var check = HistoryCheck(stored, start: start, records: byTicket[ticket])
            check.run()
            findings.add(check.findings)
        }
        let verified = try await TicketVerifier(target.desk).verify()
        for finding in verified.findings { findings.add("ticket \(finding.ticket): \(finding.problem)") }
        if verified.tickets != tickets { findings.add("there are \(verified.tickets) tickets") }
        if verified.events != events { findings.add("the verifier found \(verified.events) events of \(events)") }
        return events
    }
}

/// What agents were told, counted.
private struct SaveCounts {
    var saved = 0
    var unchanged = 0
    var conflicts = 0
    var failures: [String] = []

    init(_ records: [HistoryCheck.Record]) {
        for record in records {
            switch record.answer.outcome {
            case .saved: saved += 1
            case .unchanged: unchanged += 1
            case .conflict: conflicts += 1
            case .failed(let reason), .unknown(let reason): failures.append(reason)
            }
        }
    }
}

// MARK: - Without

extension TicketLoadBench {
    private func runNaive(_ database: Database) async throws -> LoadReport {
        let pool = try target.pool(connections: connections)
        do {
            let report = try await runNaive(pool)
            await pool.close()
            return report
        } catch {
            await pool.close()
            throw error
        }
    }

    private func runNaive(_ pool: ConnectionPool) async throws -> LoadReport {
        let target = try await NaiveDesk.make(pool, database: target.database, tickets: tickets, seed: seed)
        let run = await load.run(target)
        var stored: [LostUpdates.Record] = []
        var failures: [MongoError] = []
        for record in run.records {
            switch record.answer.replaced {
            case .success: stored.append(record)
            case .failure(let error): failures.append(error)
            }
        }
        var report = report(of: run, stored: stored.count)
        for failure in failures { report.findings.add("a save failed: \(failure)") }
        let lost = try await count(stored, target)
        report.add("comments", lost.comments, "changes")
        report.add("comments lost", lost.commentsLost, "changes")
        report.add("field changes", lost.fieldChanges, "changes")
        report.add("field changes undone by a stale copy", lost.fieldChangesLost, "changes")
        report.add("lost updates", lost.lost, "changes")
        report.add("lost", 100 * Double(lost.lost) / Double(max(1, stored.count)), "%")
        report.add("collisions of the same field that nobody was told of", lost.collisionsUntold, "changes")
        report.findings.add(lost.findings)
        addSetting(run.elapsed, to: &report)
        return report
    }

    private func count(_ records: [LostUpdates.Record], _ target: NaiveDesk) async throws -> LostUpdates {
        var byTicket = [[LostUpdates.Record]](repeating: [], count: tickets)
        for record in records { byTicket[record.ticket].append(record) }
        var lost = LostUpdates()
        for ticket in 0..<tickets {
            let final = try await target.look(at: ticket)
            lost.add(
                ticket: ticket,
                target.values(of: final),
                target.comments(of: final),
                start: LoadStart(ticket: ticket, seed: seed).values,
                byTicket[ticket]
            )
        }
        return lost
    }
}
