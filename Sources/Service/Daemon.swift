import DocumentStore
import Ingest
package import TickStore

/// Runs live sources, and compaction beside them, until it is told to stop.
package struct Daemon: Sendable {
    /// Compaction on a schedule.
    package struct Compaction: Sendable {
        package let compactor: Compactor
        package let interval: Duration

        package init(_ compactor: Compactor, every interval: Duration) {
            self.compactor = compactor
            self.interval = interval
        }
    }

    package let sources: [LiveSource]
    private let compaction: Compaction?
    private let environment: ServiceEnvironment
    private let stop: Latch

    /// Once it was told to stop, storing may take so long.
    private static let drainTime: Duration = .seconds(8)
    private static let statusInterval: Duration = .seconds(1)

    package init(
        sources: [LiveSource],
        compaction: Compaction?,
        environment: ServiceEnvironment,
        stop: Latch
    ) {
        self.sources = sources
        self.compaction = compaction
        self.environment = environment
        self.stop = stop
    }

    private enum Part: Sendable {
        case source
        case timer
        case other
    }

    /// Runs until it is stopped, and what was recorded is stored, or the time for that is over.
    ///
    /// - Parameter onStatus: is told every second how the sources are doing.
    /// - Throws: what a source ended with; the others are stopped then.
    package func run(onStatus: @escaping @Sendable ([LiveSource]) -> Void) async throws {
        try await withThrowingTaskGroup(of: Part.self) { group in
            for source in sources {
                group.addTask {
                    try await source.run()
                    return .source
                }
            }
            group.addTask {
                await stop.wait()
                try await environment.retry.sleep(Self.drainTime)
                return .timer
            }
            group.addTask {
                while true {
                    try await environment.retry.sleep(Self.statusInterval)
                    onStatus(sources)
                }
            }
            if let compaction { group.addTask { try await compact(compaction) } }
            defer { group.cancelAll() }
            var running = sources.count
            do {
                while running > 0, let part = try await group.next() {
                    switch part {
                    case .source: running -= 1
                    case .timer:
                        environment.log("stopped before everything on the tapes was stored: the next start goes on")
                        return
                    case .other: break
                    }
                }
            } catch {
                stop.raise()
                throw error
            }
        }
    }

    private func compact(_ compaction: Compaction) async throws -> Part {
        var log = TroubleLog()
        while !stop.isRaised {
            try await environment.retry.sleep(compaction.interval)
            var trouble: String?
            do throws(StoreError) {
                let report = try await compaction.compactor.run()
                if let error = report.archiveError { trouble = "compaction: the archive failed: \(error)" }
                if report.findingCount > 0 { trouble = "compaction: \(report.findingCount) problems; run 'verify'" }
            } catch {
                trouble = "compaction: \(error.message)"
            }
            for line in log.lines(for: trouble) { environment.log(line) }
        }
        return .other
    }
}
