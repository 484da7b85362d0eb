import ArgumentParser
import Console
import JSONOutput
import MarketData
import TickStore

extension VerifyCommand {
    func verifyCandles(_ database: Database) async throws -> ExitCode {
        let report = try await CandleVerifier(reading: database.writer).verify { report in
            Terminal.progress("\(report.compared.grouped) bars of feeds, \(report.hoursChecked.grouped) final hours")
        }
        Terminal.progress("")
        if json {
            Terminal.output(document(report).text)
        } else {
            printText(report)
        }
        return report.isClean ? ExitStatus.done : ExitStatus.foundProblems
    }

    private func document(_ report: CandleVerification) -> JSONText {
        .object([
            ("clean", .bool(report.isClean)),
            ("compared", .integer(report.compared)),
            ("without_ours", .integer(report.withoutOurs)),
            ("differences", .integer(report.differenceCount)),
            ("first_differences", .array(report.differences.map(document))),
            ("hours_checked", .integer(report.hoursChecked)),
            ("hours_without_trades", .integer(report.hoursWithoutTrades)),
            ("problems", .integer(report.findingCount)),
            (
                "findings",
                .array(
                    report.findings.map {
                        .object([("candle", .string($0.candle)), ("problem", .string($0.problem))])
                    }
                )
            ),
        ])
    }

    private func document(_ difference: CandleVerification.Difference) -> JSONText {
        .object([
            ("instrument", .string(difference.instrument.description)),
            ("interval", .string(difference.interval.name)),
            ("start", .integer(Int(difference.start))),
            ("field", .string(difference.field)),
            ("ours", .string(difference.ours)),
            ("theirs", .string(difference.theirs)),
            ("source", .string(difference.source)),
        ])
    }

    private func printText(_ report: CandleVerification) {
        Terminal.output(
            "\(report.compared.grouped) bars of feeds compared with ours, \(report.withoutOurs.grouped) more have none "
                + "of ours: \(report.differenceCount.grouped) differences."
        )
        for difference in report.differences {
            Terminal.output(
                "  \(difference.instrument) \(difference.interval.name) \(difference.start) \(difference.field): "
                    + "ours \(difference.ours), theirs \(difference.theirs), of \(difference.source)"
            )
        }
        printRest(report.differenceCount, report.differences.count)
        Terminal.output(
            "\(report.hoursChecked.grouped) final hours made again from their trades, "
                + "\(report.hoursWithoutTrades.grouped) more have no trades any more: "
                + "\(report.findingCount.grouped) problems."
        )
        for finding in report.findings { Terminal.output("  \(finding.candle): \(finding.problem)") }
        printRest(report.findingCount, report.findings.count)
    }

    private func printRest(_ count: Int, _ listed: Int) {
        if count > listed { Terminal.output("  … and \((count - listed).grouped) more") }
    }
}
