import ArgumentParser
import Console
import DocumentStore
import JSONOutput
import TickStore
import Tickets

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Read all market data back and check it: checksums, counts, order, positions. Or prove the tickets.",
        discussion: """
            Exit code 0: clean. 1: problems were found; each is named. 2: could not run, or not check all: what a \
            newer version of Tapedesk wrote, only that one can check.
            """
    )

    @OptionGroup var mongo: MongoOptions
    @Flag(help: "Prove the history of every ticket instead.") var tickets = false
    @Flag(help: "Compare bars instead: those that feeds sent with ours, and final ones with their trades.")
    var candles = false
    @Flag(help: "Put damaged documents into quarantine, so that all others can be read; let sound ones out.")
    var quarantine = false

    @Option(help: ArgumentHelp("With --quarantine: read at most so many bytes per second.", valueName: "bytes"))
    var pace: Int?

    @Option(help: ArgumentHelp("With --quarantine: again and again, with such a pause between.", valueName: "duration"))
    var every: DurationArgument?

    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        if quarantine, tickets || candles { throw ValidationError("--quarantine is for market data") }
        if !quarantine, pace != nil || every != nil { throw ValidationError("--pace and --every go with --quarantine") }
        if let pace, pace < 1 { throw ValidationError("--pace takes a number of bytes") }
        if tickets, candles { throw ValidationError("--tickets and --candles are two verifications") }
    }

    func run() async {
        await mongo.run { database in
            if candles { return try await verifyCandles(database) }
            if tickets { return try await verifyTickets(database) }
            while true {
                let report = try await verifier(database).verify { report in
                    Terminal.progress("\(report.buckets.grouped) buckets, \(report.events.grouped) events")
                }
                Terminal.progress("")
                json ? printJSON(report) : printText(report)
                let status = Self.status(isClean: report.isClean, newer: report.newer, of: "buckets")
                guard let every else { return status }
                try await database.environment.sleep(every.duration)
            }
        }
    }

    private func verifier(_ database: Database) -> Verifier {
        guard quarantine else { return Verifier(reading: database.writer) }
        let pace = pace.map { BytePace(bytesPerSecond: $0, environment: database.environment) }
        return Verifier(scrubbing: database.writer, operationIDs: database.operationIDs, pace: pace)
    }

    /// Says what was not checked, and what that makes of the verification.
    private static func status(isClean: Bool, newer: Int, of what: String) -> ExitCode {
        if newer > 0 {
            Terminal.error(
                "tapedesk: \(newer.grouped) \(what) were not checked: a newer version of Tapedesk wrote them; upgrade "
                    + "this program"
            )
        }
        guard isClean else { return ExitStatus.foundProblems }
        return newer > 0 ? ExitStatus.couldNotRun : ExitStatus.done
    }

    private func printJSON(_ report: VerificationReport) {
        Terminal.output(document(report).text)
        guard report.findingCount > report.findings.count else { return }
        Terminal.error("tapedesk: the first \(report.findings.count) of \(report.findingCount) problems are listed")
    }

    private func document(_ report: VerificationReport) -> JSONText {
        .object([
            ("clean", .bool(report.isClean)),
            ("buckets", .integer(report.buckets)),
            ("blocks", .integer(report.blocks)),
            ("events", .integer(report.events)),
            ("bytes", .integer(report.bytes)),
            ("deleted_buckets", .integer(report.deletedBuckets)),
            ("deleted_events", .integer(report.deletedEvents)),
            ("newer_buckets", .integer(report.newer)),
            ("problems", .integer(report.findingCount)),
            (
                "findings",
                .array(
                    report.findings.map {
                        .object([("bucket", .string($0.bucket)), ("problem", .string($0.problem))])
                    }
                )
            ),
        ])
    }

    private func printText(_ report: VerificationReport) {
        var counts =
            "\(report.buckets.grouped) buckets, \(report.blocks.grouped) blocks, \(report.events.grouped) events, "
            + "\(report.bytes.grouped) bytes"
        if report.deletedBuckets > 0 {
            counts += "; retention deleted \(report.deletedEvents.grouped) events of \(report.deletedBuckets.grouped)"
        }
        guard !report.isClean else {
            Terminal.output("Clean: \(counts).")
            return
        }
        Terminal.output("\(report.findingCount.grouped) problems in \(counts):")
        for finding in report.findings { Terminal.output("  \(finding.bucket): \(finding.problem)") }
        if report.findingCount > report.findings.count {
            Terminal.output("  … and \((report.findingCount - report.findings.count).grouped) more")
        }
    }
}

// MARK: - Tickets

extension VerifyCommand {
    private func verifyTickets(_ database: Database) async throws -> ExitCode {
        let report = try await TicketVerifier(database.desk()).verify { report in
            Terminal.progress("\(report.tickets.grouped) tickets, \(report.events.grouped) events")
        }
        Terminal.progress("")
        json ? Terminal.output(document(report).text) : printText(report)
        if json, report.findingCount > report.findings.count {
            Terminal.error("tapedesk: the first \(report.findings.count) of \(report.findingCount) problems are listed")
        }
        return Self.status(isClean: report.isClean, newer: report.newer, of: "tickets")
    }

    private func document(_ report: TicketVerification) -> JSONText {
        .object([
            ("clean", .bool(report.isClean)),
            ("tickets", .integer(report.tickets)),
            ("events", .integer(report.events)),
            ("archives", .integer(report.archives)),
            ("erased", .integer(report.erased)),
            ("numbers_without_ticket", .integer(Int(report.numbersWithoutTicket))),
            ("newer_tickets", .integer(report.newer)),
            ("problems", .integer(report.findingCount)),
            ("findings", .array(report.findings.map(document))),
        ])
    }

    private func document(_ finding: TicketVerification.Finding) -> JSONText {
        .object([
            ("ticket", .string(finding.ticket)),
            ("sequence", finding.sequence.map { .integer(Int($0)) } ?? .null),
            ("problem", .string(finding.problem)),
        ])
    }

    private func printText(_ report: TicketVerification) {
        var counts = "\(report.tickets.grouped) tickets, \(report.events.grouped) events"
        if report.archives > 0 { counts += ", \(report.archives.grouped) archives" }
        if report.erased > 0 { counts += ", \(report.erased.grouped) erased values" }
        Terminal.output(report.isClean ? "Clean: \(counts)." : "\(report.findingCount.grouped) problems in \(counts):")
        for finding in report.findings { Terminal.output("  ticket \(finding.ticket): \(finding.problem)") }
        if report.findingCount > report.findings.count {
            Terminal.output("  … and \((report.findingCount - report.findings.count).grouped) more")
        }
        if report.numbersWithoutTicket > 0 {
            let count = Int(report.numbersWithoutTicket).grouped
            Terminal.output(
                "\(count) numbers name no ticket: creations that failed, or tickets that were deleted."
            )
        }
    }
}
