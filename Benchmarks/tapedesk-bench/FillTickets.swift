import ArgumentParser
import BSON
import Console
import DocumentStore
import JSONOutput
import MongoRuntime
import MongoStore
import Tickets

struct FillTicketsBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fill-tickets",
        abstract: "Fill a database with many tickets, each with its history, and leave it there.",
        discussion: """
            They go through the importer as if another system had reported them. The indexes are built behind all \
            tickets, which takes a fraction of the time that keeping them up would take.
            """
    )

    @OptionGroup var target: BenchTarget
    @Option(help: "Tickets.") var count = 200_000
    @Option(help: "Seed of what they say.") var seed: UInt64 = 1
    @Option(help: "Bulks that are under way at once.") var tasks = 4
    @Flag(help: "Print one JSON document.") var json = false

    /// Tickets of one call of the importer.
    private static let batch = 500
    /// An index of this many tickets takes longer than an answer may take otherwise.
    private static let indexTimeoutMs: Int32 = 1_800_000

    func validate() throws {
        guard (1...10_000_000).contains(count) else { throw ValidationError("--count takes 1 to 10000000") }
        guard (1...16).contains(tasks) else { throw ValidationError("--tasks takes 1 to 16") }
    }

    func run() async {
        let status = await reportingFailures {
            var limits = MongoConfiguration.Limits()
            limits.socketTimeoutMs = Self.indexTimeoutMs
            let report = try await target.withDatabase(connections: tasks, limits: limits, keep: true) { database in
                try await fill(database)
            }
            Terminal.output(json ? report.json.text : report.table)
            return ExitStatus.done
        }
        endProcess(status)
    }

    private func fill(_ database: Database) async throws -> LoadReport {
        try await database.prepare(TicketCollections.all.map(\.withoutIndexes))
        let desk = database.desk()
        let now = try await desk.now()
        let (writeTime, _) = try await seconds {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<tasks { group.addTask { try await write(task, desk, now) } }
                try await group.waitForAll()
            }
        }
        let (indexTime, _) = try await seconds { try await database.prepare(TicketCollections.all) }
        var report = LoadReport()
        report.add("tickets", count, "tickets")
        report.add("writing them", writeTime, "s")
        report.add("tickets per second", Double(count) / writeTime, "tickets/s")
        report.add("building the indexes", indexTime, "s")
        return report
    }

    /// Writes each `tasks`th batch.
    private func write(_ task: Int, _ desk: TicketDesk, _ now: Int64) async throws {
        let importer = TicketImporter(desk, source: FilledTicket.source, numbering: .increasing)
        for first in stride(from: task * Self.batch, to: count, by: tasks * Self.batch) {
            let numbers = first..<min(first + Self.batch, count)
            let steps = numbers.map { FilledTicket.step($0, of: count, now: now, seed: seed) }
            let outcomes = try await importer.apply(steps) { _ in }
            guard outcomes.allSatisfy({ $0 == .applied(made: true) }) else {
                throw StoreError(.refused, "not every ticket was made")
            }
        }
    }
}

extension CollectionSpecification {
    fileprivate var withoutIndexes: CollectionSpecification {
        CollectionSpecification(
            name: name,
            shardKey: shardKey,
            of: shardKeySubject,
            jsonSchema: jsonSchema,
            indexes: []
        )
    }
}

/// Tickets of two years at a large desk: most are over, and what is not is mostly new.
enum FilledTicket {
    static let source = "bench"
    private static let agentCount = 200
    private static let groupCount = 30
    private static let requesterCount = 50_000
    private static let serialCount = 100_000
    private static let day: Int64 = 86_400_000
    private static let days = 730
    private static let tags = (0..<60).map { TicketText.words[80 + $0 * 3] }

    /// The step that makes a ticket.
    ///
    /// - Parameter now: when the last one was made, in milliseconds since 1970.
    static func step(_ number: Int, of count: Int, now: Int64, seed: UInt64) -> ImportedStep {
        var random = SeededRandom(seed: seed, stream: number)
        let age = Int64(Double(count - number) / Double(count) * Double(days) * Double(day))
        let status = status(age: age, &random)
        let priority = ["low", "normal", "normal", "normal", "high", "urgent"][random.index(below: 6)]
        var step = ImportedStep(
            externalID: TicketText.padded(number, 7),
            sequence: 1,
            kind: .create,
            actor: source,
            digest: Int64(number)
        )
        step.createdAt = now - age
        step.occurredAt = now - age
        step.assignments = assignments(number, status, priority, &random)
        if status != .new, random.happens(0.9) {
            step.firstResponseAt = min(now, now - age + Int64(random.index(below: 12 * 3_600_000)))
        }
        if status.isSettled { step.resolvedAt = min(now, now - age + Int64(random.index(below: Int(4 * day)))) }
        return step
    }

    private static func assignments(
        _ number: Int,
        _ status: TicketStatus,
        _ priority: String,
        _ random: inout SeededRandom
    ) -> [TicketIntent.Assignment] {
        var description = TicketText.text(words: 50 + random.index(below: 20), &random)
        if random.happens(0.1) { description += " sn\(random.index(below: serialCount))" }
        var values: [(TicketField, BSONValue)] = [
            (.subject, .string(TicketText.text(words: 6 + random.index(below: 5), &random))),
            (.requester, .string("customer\(random.index(below: requesterCount))@example.com")),
            (.description, .string(description)),
            (.status, .string(status.rawValue)),
            (.priority, .string(priority)),
            (.group, .string(TicketText.group(random.index(below: groupCount)))),
            (.tags, .array((0..<random.index(below: 4)).map { .string(tags[number % 20 + $0 * 20]) })),
        ]
        if status != .new { values.append((.assignee, .string(TicketText.agent(random.index(below: agentCount))))) }
        return values.map { TicketIntent.Assignment($0.0, $0.1) }
    }

    private static func status(age: Int64, _ random: inout SeededRandom) -> TicketStatus {
        // After two weeks one of a hundred is not over yet.
        let unsettled = age < 14 * day ? 0.6 : 0.01
        guard random.happens(unsettled) else { return age < 30 * day ? .resolved : .closed }
        return random.element(of: [.new, .new, .open, .open, .open, .pending, .onHold])
    }
}
