import ArgumentParser
import BSON
import Console
import DocumentStore
import JSONOutput
import Leases
import MongoStore
import Records
import Service
import Settings
import TickStore

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the server, the sources with their positions, what is stored, and open gaps."
    )

    @OptionGroup var mongo: MongoOptions
    @Flag(help: "Print one JSON document.") var json = false
    @Flag(help: "Watch the daemon of this machine: sources, rates, prices, alerts; needs no database.")
    var watch = false

    @Option(
        help: ArgumentHelp(
            "Where the daemon answers; default: where the configuration says that it listens.",
            valueName: "url"
        )
    )
    var url: String?

    func validate() throws {
        guard !json || !watch else { throw ValidationError("--watch is for people; --json is printed once") }
        guard url == nil || watch else { throw ValidationError("--url is for --watch") }
    }

    func run() async {
        if watch { endProcess(await reportingFailures { try await watchDaemon() }) }
        await mongo.run { database in
            var status = try await DatabaseStatus.load(database)
            let isSharded = status.server.topology == .sharded
            // Reads the summary of every bucket: only where it is shown.
            let instruments = json && !isSharded ? nil : try await InstrumentTable.load(database.writer)
            if isSharded {
                status.cluster = try await ClusterReport.load(database, status.collections, instruments?.rows ?? [])
            }
            if json {
                Terminal.output(status.json.text)
                status.reportCut()
            } else {
                Terminal.output(status.text)
                if let instruments, !instruments.rows.isEmpty { Terminal.output(instruments.text) }
            }
            return ExitStatus.done
        }
    }
}

extension StatusCommand {
    /// Shows again and again how the daemon is doing; once where the output is no terminal.
    private func watchDaemon() async throws -> ExitCode {
        let http = try mongo.config.load().http
        let watch = try DaemonWatch(url: url ?? address(http), caFile: url == nil ? http.certificate : nil)
        guard Terminal.stdoutIsTerminal else {
            Terminal.output(Array(try await watch.text().utf8))
            return ExitStatus.done
        }
        let stop = Latch()
        let signals = StopOnSignals(stop)
        while !stop.isRaised {
            let text: String
            do {
                text = try await watch.text()
            } catch {
                text = "\(error)\n"
            }
            Terminal.output(Array(watch.screen(text).utf8))
            try await RetryEnvironment.system.sleep(.seconds(1))
        }
        withExtendedLifetime(signals) {}
        return ExitStatus.done
    }

    private func address(_ http: Configuration.HTTP) throws -> String {
        guard var host = http.host else {
            throw ConfigurationProblem("'http.listen' is off: the daemon tells nothing about itself")
        }
        // What listens at every address listens at this one.
        if host == "0.0.0.0" { host = "127.0.0.1" }
        if host == "::" { host = "::1" }
        let name = host.contains(":") ? "[\(host)]" : host
        return "\(http.certificate == nil ? "http" : "https")://\(name):\(http.port)"
    }
}

/// What `status` shows.
struct DatabaseStatus {
    let name: String
    let server: ServerInformation
    let sources: [BSONDocument]
    let collections: [(name: String, statistics: StorageStatistics)]
    let openGaps: [BSONDocument]
    let openGapCount: Int
    /// Damaged documents that readers pass over, with the reasons.
    let quarantine: [(bucket: String, reason: String)]
    /// Who takes which source, where daemons share them.
    let leases: LeaseTable
    /// Nil on a replica set, and for a user who may not look at the cluster.
    var cluster: ClusterReport?

    private static let gapsShownMax = 1_000
    private static let sourcesMax = 100_000

    static func load(_ database: Database) async throws -> DatabaseStatus {
        var collections: [(name: String, statistics: StorageStatistics)] = []
        for specification in Database.specifications {
            collections.append((specification.name, try await database.store.storageStatistics(specification.name)))
        }
        let isOpen: [DocumentQuery.Condition] = [.equals(GapsCollection.Field.isOpen, .bool(true))]
        let sources = try await database.writer.find(
            DocumentQuery(
                CheckpointsCollection.name,
                order: [.init(DocumentField.id)],
                fields: .excluding([CheckpointsCollection.Field.trackers]),
                limit: sourcesMax
            )
        )
        return DatabaseStatus(
            name: database.store.database,
            server: try await database.store.serverInformation(),
            sources: sources,
            collections: collections,
            openGaps: try await database.writer.find(
                DocumentQuery(GapsCollection.name, where: isOpen, order: [.init(DocumentField.id)], limit: gapsShownMax)
            ),
            openGapCount: try await database.store.count(GapsCollection.name, where: isOpen),
            quarantine: try await QuarantineList.load(database.writer, limit: gapsShownMax),
            leases: try await LeaseTable.load(database)
        )
    }

    /// Says on stderr where the list of gaps is not whole.
    func reportCut() {
        guard openGapCount > openGaps.count else { return }
        Terminal.error("tapedesk: the first \(openGaps.count) of \(openGapCount) open gaps are listed")
    }

    /// What a write is confirmed by; a standalone server, which replay refuses, confirms nothing.
    private var durability: (name: String, explanation: String) {
        server.topology == .standalone
            ? ("none", "a standalone server, which replay refuses") : ("strict", "a majority has it in its journal")
    }

    var json: JSONText {
        .object([
            ("database", .string(name)),
            (
                "server",
                .object([
                    ("version", .string(server.version)), ("topology", .string(server.topology.description)),
                ])
            ),
            ("durability", .string(durability.name)),
            ("sources", .array(sources.map(Self.source))),
            ("collections", .object(collections.map { ($0.name, Self.statistics($0.statistics)) })),
            (
                "gaps",
                .object([("open", .integer(openGapCount)), ("list", .array(openGaps.map(Self.gap)))])
            ),
            (
                "quarantine",
                .array(quarantine.map { .object([("bucket", .string($0.bucket)), ("reason", .string($0.reason))]) })
            ),
            ("leases", leases.leasesJSON),
            ("instances", leases.instancesJSON),
            ("sharding", cluster?.json ?? .null),
        ])
    }

    private static func source(_ document: BSONDocument) -> JSONText {
        typealias Field = CheckpointsCollection.Field
        return .object([
            ("source", string(document, DocumentField.id)),
            ("format", string(document, Field.format)),
            ("venue", string(document, Field.venue)),
            ("complete", .bool(document[Field.isComplete]?.bool ?? false)),
            ("line", integer(document, Field.nextLine)),
            ("offset", integer(document, Field.nextOffset)),
            ("records", integer(document, Field.records)),
            ("events", counts(document, Field.events)),
            ("rejected", counts(document, Field.rejected)),
            ("last_event_time", lastEventTime(document)),
            ("lag_bytes", lag(document).map(JSONText.integer) ?? .null),
        ])
    }

    /// How much of the recording, as it is stored, was not read when the checkpoint was written.
    private static func lag(_ document: BSONDocument) -> Int? {
        typealias Field = CheckpointsCollection.Field
        if document[Field.isComplete]?.bool == true { return 0 }
        guard let total = document[Field.inputBytes]?.integer, let read = document[Field.inputBytesRead]?.integer,
            total > 0
        else { return nil }
        return Int(total - read)
    }

    private static func lastEventTime(_ document: BSONDocument) -> JSONText {
        let time = document[CheckpointsCollection.Field.lastEventTime]?.integer ?? .min
        return time == .min ? .null : .integer(Int(time))
    }

    private static func string(_ document: BSONDocument, _ field: String) -> JSONText {
        document[field]?.string.map(JSONText.string) ?? .null
    }

    private static func integer(_ document: BSONDocument, _ field: String) -> JSONText {
        (document[field]?.integer).map { .integer(Int($0)) } ?? .null
    }

    private static func counts(_ document: BSONDocument, _ field: String) -> JSONText {
        let fields = document[field]?.document?.fields ?? []
        return .object(fields.map { ($0.key, .integer(Int($0.value.integer ?? 0))) })
    }

    private static func statistics(_ statistics: StorageStatistics) -> JSONText {
        .object([
            ("documents", .integer(statistics.documentCount)), ("data_bytes", .integer(statistics.dataBytes)),
            ("storage_bytes", .integer(statistics.storageBytes)), ("index_bytes", .integer(statistics.indexBytes)),
        ])
    }

    private static func gap(_ document: BSONDocument) -> JSONText {
        typealias Field = GapsCollection.Field
        return .object([
            ("source", string(document, Field.source)), ("stream", string(document, Field.stream)),
            ("after", integer(document, Field.after)), ("before", integer(document, Field.before)),
            ("missing", integer(document, Field.missing)),
        ])
    }

    var text: String {
        var lines = [
            "MongoDB \(server.version), \(server.topology), database \(name)",
            "durability: \(durability.name) (\(durability.explanation))",
            "",
            "sources",
        ]
        for document in sources {
            let records = Int(document[CheckpointsCollection.Field.records]?.integer ?? 0).grouped
            let lag = "not complete" + (Self.lag(document).map { ", \($0.grouped) bytes not read" } ?? "")
            let isComplete = document[CheckpointsCollection.Field.isComplete]?.bool == true
            let name = document[DocumentField.id]?.string ?? ""
            lines.append("  \(name.padded(to: 40))  \(records) records, \(isComplete ? "complete" : lag)")
        }
        if sources.isEmpty { lines.append("  none yet: tapedesk replay FILE") }
        lines += leases.lines
        lines += ["", "collections"]
        for (name, statistics) in collections {
            lines.append(
                "  \(name.padded(to: 16))  \(statistics.documentCount.grouped) documents, "
                    + "\(statistics.storageBytes.grouped) bytes on disk"
            )
        }
        lines += ["", "open gaps: \(openGapCount.grouped)"]
        for gap in openGaps.prefix(10) {
            typealias Field = GapsCollection.Field
            lines.append(
                "  \(gap[Field.source]?.string ?? "")  \(gap[Field.stream]?.string ?? ""): "
                    + "\(gap[Field.missing]?.integer ?? 0) missing between \(gap[Field.after]?.integer ?? 0) and "
                    + "\(gap[Field.before]?.integer ?? 0)"
            )
        }
        if openGapCount > 10 { lines.append("  … 'tapedesk status --json' lists more") }
        if !quarantine.isEmpty {
            lines += ["", "in quarantine, because damaged: \(quarantine.count.grouped)"]
            lines += quarantine.prefix(10).map { "  \($0.bucket): \($0.reason)" }
        }
        if let cluster {
            lines += cluster.lines
        } else if server.topology == .sharded {
            lines += ["", "shards: to see them takes the role clusterMonitor"]
        } else {
            lines += ["", "no sharded cluster: nothing is sharded"]
        }
        return lines.joined(separator: "\n")
    }
}
