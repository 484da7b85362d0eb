import ArgumentParser
import Console
import DocumentStore
import JSONOutput

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Bring stored documents up to the schema versions that this version writes.",
        discussion: """
            Nobody has to wait for it: every program reads older documents, and brings them up with their next change. \
            It may be stopped or killed at any moment, run again, and run beside everything else. Upgrade all programs \
            before: older ones do not read what was brought up.

            Exit code 0: all documents have the present version, or will have with a run. 1: some were written by a \
            newer version, or cannot be brought up; they are named. 2: could not run.
            """
    )

    @OptionGroup var mongo: MongoOptions
    @Flag(help: "Count what would be brought up, and do nothing.") var dryRun = false

    @Option(
        help: ArgumentHelp("Only this collection; may be repeated.", valueName: "name"),
        completion: .list(Database.specifications.map(\.name))
    )
    var collection: [String] = []

    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        let known = Database.specifications.map(\.name)
        for name in collection where !known.contains(name) {
            throw ValidationError("there is no collection '\(name)'; there are \(known.joined(separator: ", "))")
        }
    }

    func run() async {
        await mongo.run { database in
            let chosen = Database.specifications.filter { collection.isEmpty || collection.contains($0.name) }
            if !dryRun { try await database.prepare(chosen) }
            let migrator = Migrator(writer: database.writer, operationIDs: database.operationIDs)
            var reports: [MigrationReport] = []
            for specification in chosen {
                let report = try await migrator.run(specification, isDryRun: dryRun, progress: Self.show)
                Terminal.progress("")
                reports.append(report)
                if !json { printText(report) }
            }
            if json { Terminal.output(document(reports).text) }
            return reports.allSatisfy(\.isClean) ? ExitStatus.done : ExitStatus.foundProblems
        }
    }

    private static func show(_ report: MigrationReport) {
        let count = report.documents.values.reduce(0, +)
        Terminal.progress("\(report.collection): \(count.grouped) looked at, \(report.migrated.grouped) done")
    }

    private func printText(_ report: MigrationReport) {
        let counts = report.documents.sorted { $0.key < $1.key }
            .map { "\($0.value.grouped) of version \($0.key)" }
        var line = "\(report.collection): \(counts.isEmpty ? "no documents" : counts.joined(separator: ", "))"
        if report.older > 0 {
            let done = dryRun ? "\(report.older.grouped) would be" : "\(report.migrated.grouped) were"
            line += "; \(done) brought up to version \(report.version)"
        }
        Terminal.output(line)
        if report.newer > 0 {
            Terminal.output(
                "  \(report.newer.grouped) were written by a newer version of Tapedesk: upgrade this program"
            )
        }
        if report.overtaken > 0 {
            Terminal.output("  \(report.overtaken.grouped) kept changing: run it again")
        }
        for finding in report.findings { Terminal.output("  \(finding.document): \(finding.problem)") }
        if report.findingCount > report.findings.count {
            Terminal.output("  … and \((report.findingCount - report.findings.count).grouped) more")
        }
    }

    private func document(_ reports: [MigrationReport]) -> JSONText {
        .object([
            ("dry_run", .bool(dryRun)),
            ("clean", .bool(reports.allSatisfy(\.isClean))),
            ("collections", .array(reports.map(document))),
        ])
    }

    private func document(_ report: MigrationReport) -> JSONText {
        .object([
            ("collection", .string(report.collection)),
            ("schema_version", .integer(Int(report.version))),
            (
                "documents",
                .object(
                    report.documents.sorted { $0.key < $1.key }.map { ("\($0.key)", JSONText.integer($0.value)) }
                )
            ),
            ("older", .integer(report.older)),
            ("migrated", .integer(report.migrated)),
            ("newer", .integer(report.newer)),
            ("overtaken", .integer(report.overtaken)),
            ("problems", .integer(report.findingCount)),
            (
                "findings",
                .array(
                    report.findings.map {
                        .object([("document", .string($0.document)), ("problem", .string($0.problem))])
                    }
                )
            ),
        ])
    }
}
