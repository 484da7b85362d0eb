import ArgumentParser
import TickStore

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Read every block back and check checksums, counts, order, versions, positions and summaries.",
        discussion: "Exit code 0: clean. 1: problems were found; each is named. 2: could not run."
    )

    @OptionGroup var mongo: MongoOptions
    @Flag(help: "Print one JSON document.") var json = false

    func run() async {
        await mongo.run { database in
            let report = try await Verifier(reading: database.writer).verify { report in
                Terminal.progress("\(report.buckets.grouped) buckets, \(report.events.grouped) events")
            }
            Terminal.progress("")
            json ? printJSON(report) : printText(report)
            return report.isClean ? ExitStatus.done : ExitStatus.foundProblems
        }
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
        let counts =
            "\(report.buckets.grouped) buckets, \(report.blocks.grouped) blocks, \(report.events.grouped) events, "
            + "\(report.bytes.grouped) bytes"
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
