import ArgumentParser
import Console
import DocumentStore
import JSONOutput
import MarketData
import Service
import TickStore

/// One run of compaction after the other, until the process is asked to end.
struct CompactionRuns: Sendable {
    let compactor: Compactor
    /// Nil for all.
    let instruments: [Instrument]?
    let workers: Int
    /// The pause between two runs; nil for a single run.
    let every: Duration?
    let isJSON: Bool
    let environment: RetryEnvironment

    /// Runs, and ends when a signal asks for it: what is being written is finished before, so that no transaction
    /// is left to the server.
    ///
    /// - Throws: `StoreError`.
    func untilStopped() async throws -> ExitCode {
        let stop = Latch()
        let signals = StopOnSignals(stop)
        defer { withExtendedLifetime(signals) {} }
        return try await withThrowingTaskGroup(of: ExitCode?.self) { group in
            group.addTask { try await run() }
            group.addTask {
                await stop.wait()
                return nil
            }
            defer { group.cancelAll() }
            if case .some(.some(let status)) = try await group.next() { return status }
            group.cancelAll()
            // A run that was over in that moment is a run.
            if case .some(.some(let status)) = try? await group.next() { return status }
            Terminal.progress("")
            Terminal.error("tapedesk: stopped; the next run goes on from what is stored")
            return every == nil ? ExitStatus.couldNotRun : ExitStatus.done
        }
    }

    private func run() async throws -> ExitCode {
        while true {
            let status = try await runOnce()
            guard let every else { return status }
            try await environment.sleep(every)
        }
    }

    private func runOnce() async throws -> ExitCode {
        let start = ContinuousClock.now
        let meter = CompactionMeter()
        let report = try await compactor.run(instruments: instruments, workers: workers) { meter.show($0, $1) }
        Terminal.progress("")
        let summary = CompactionSummary(report: report, seconds: (ContinuousClock.now - start) / .seconds(1))
        Terminal.output(isJSON ? summary.json.text : summary.text)
        for finding in report.findings { Terminal.error("tapedesk: \(finding.bucket): \(finding.problem)") }
        if report.findingCount > report.findings.count {
            Terminal.error("tapedesk: the first \(report.findings.count) of \(report.findingCount) problems are listed")
        }
        for left in report.left { Terminal.error("tapedesk: \(left.bucket) is left as it is: \(left.problem)") }
        if report.leftCount > report.left.count {
            Terminal.error("tapedesk: the first \(report.left.count) of \(report.leftCount) that are left are listed")
        }
        if let error = report.archiveError {
            Terminal.error("tapedesk: the archive failed, so nothing more was deleted: \(error)")
            return ExitStatus.couldNotRun
        }
        return report.findingCount > 0 ? ExitStatus.foundProblems : ExitStatus.done
    }
}
