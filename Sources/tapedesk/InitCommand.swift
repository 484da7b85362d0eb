import ArgumentParser
import Console
import DocumentStore
import JSONOutput
import MongoStore
import Sharding

struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Create the collections with their validators and indexes; on a sharded cluster, shard them.",
        discussion: "May be run any number of times. Zones of the configuration say which data is on which shards."
    )

    @OptionGroup var mongo: MongoOptions
    @Flag(help: "Print what would be created, sharded and assigned to zones, and change nothing.") var plan = false
    @Flag(help: "Print one JSON document.") var json = false

    func run() async {
        await mongo.run { database in
            let topology = try await database.refuseStandalone()
            let specifications = Database.specifications
            let plan = try await database.writer.patiently { () throws(StoreError) in
                let plan = try await database.store.shardingPlan(specifications)
                if !self.plan { try await database.store.prepare(specifications, by: plan) }
                return plan
            }
            let report = Report(
                database: database.store.database,
                topology: topology,
                collections: specifications.map(\.name),
                steps: plan.steps,
                isDone: !self.plan
            )
            Terminal.output(json ? report.json.text : report.text)
            return ExitStatus.done
        }
    }

    /// What was done, or would be.
    struct Report {
        let database: String
        let topology: ServerTopology
        let collections: [String]
        let steps: [ShardingStep]
        let isDone: Bool

        private var isSharded: Bool { topology == .sharded }

        var json: JSONText {
            .object([
                ("database", .string(database)), ("collections", .array(collections.map(JSONText.string))),
                ("topology", .string(topology.description)), ("sharded", .bool(isSharded)), ("done", .bool(isDone)),
                ("steps", .array(steps.map(\.json))),
            ])
        }

        var text: String {
            var lines = steps.map { "  " + $0.text(database) }
            if !lines.isEmpty { lines.insert(isDone ? "Done:" : "To be done:", at: 0) }
            if !isSharded { lines.append("This is a \(topology): nothing is sharded.") }
            if isDone {
                lines.append("Database \(database) is ready: \(collections.joined(separator: ", ")).")
            } else if steps.isEmpty {
                lines.append("There is nothing to do.")
            }
            return lines.joined(separator: "\n")
        }
    }
}
