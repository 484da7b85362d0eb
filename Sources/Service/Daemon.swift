import DocumentStore
import Ingest
private import Synchronization
package import TickStore

/// Runs sources, and compaction beside them, until it is told to stop.
///
/// Safe to use from any task.
package final class Daemon: Sendable {
    /// Compaction on a schedule.
    package struct Compaction: Sendable {
        package let compactor: Compactor
        package let interval: Duration

        package init(_ compactor: Compactor, every interval: Duration) {
            self.compactor = compactor
            self.interval = interval
        }
    }

    private let environment: ServiceEnvironment
    private let stop: Latch
    private let state: Mutex<State>

    private struct State {
        /// What is to run, in the order of the configuration.
        var wanted: [any ServiceSource]
        /// What runs, by name: also what was told to end, and has not yet.
        var running: [String: any ServiceSource] = [:]
        var compaction: Compaction?
        /// Set when `wanted` changes; the daemon replaces it.
        var change = Latch()
    }

    /// Once it was told to stop, storing may take so long.
    private static let drainTime: Duration = .seconds(8)
    private static let statusInterval: Duration = .seconds(1)

    package init(
        sources: [any ServiceSource],
        compaction: Compaction?,
        environment: ServiceEnvironment,
        stop: Latch
    ) {
        self.environment = environment
        self.stop = stop
        state = Mutex(State(wanted: sources, compaction: compaction))
    }

    /// The sources that are to run, in the order of the configuration.
    package var sources: [any ServiceSource] { state.withLock { $0.wanted } }

    /// Those of them that are recorded live, as they are while this instance has their leases.
    package var liveSources: [LiveSource] { sources.compactMap { $0.present as? LiveSource } }
    /// Those of them that read files.
    package var fileSources: [any FileSource] { sources.compactMap { $0.present as? any FileSource } }

    /// Whether it was told to stop.
    package var isStopping: Bool { stop.isRaised }

    /// Takes other sources, and another schedule of compaction.
    ///
    /// A source whose settings are the same goes on undisturbed. One whose settings changed ends, with its tape
    /// stored, before its successor begins.
    package func change(to sources: [any ServiceSource], compaction: Compaction?) {
        let (ended, change) = state.withLock { state in
            let known = state.wanted
            state.wanted = sources.map { source in known.first { $0.isSame(as: source) } ?? source }
            state.compaction = compaction
            let kept = Set(state.wanted.map { ObjectIdentifier($0) })
            return (known.filter { !kept.contains(ObjectIdentifier($0)) }, state.change)
        }
        for source in ended { source.end() }
        change.raise()
    }

    private enum Part: Sendable {
        case source(any ServiceSource)
        case change
        case stop
        case timer
        case other
    }

    /// Runs until it is stopped, and what was recorded is stored, or the time for that is over.
    ///
    /// - Parameter onStatus: is called every second.
    /// - Throws: what a source ended with; the others are stopped then.
    package func run(onStatus: @escaping @Sendable () -> Void) async throws {
        try await withThrowingTaskGroup(of: Part.self) { group in
            addTimers(&group, onStatus)
            addChange(&group)
            startWanted(&group)
            defer { group.cancelAll() }
            do {
                while !(stop.isRaised && isIdle), let part = try await group.next() {
                    switch part {
                    case .source(let source):
                        state.withLock { $0.running[source.name] = nil }
                        startWanted(&group)
                    case .change:
                        addChange(&group)
                        startWanted(&group)
                    case .stop: for source in running { source.end() }
                    case .timer:
                        environment.log("stopped before everything was stored: the next start goes on", .warning)
                        return
                    case .other: break
                    }
                }
            } catch {
                stop.raise()
                for source in running { source.end() }
                throw error
            }
        }
    }

    private var running: [any ServiceSource] { state.withLock { Array($0.running.values) } }
    private var isIdle: Bool { state.withLock { $0.running.isEmpty } }

    private func addTimers(
        _ group: inout ThrowingTaskGroup<Part, any Error>,
        _ onStatus: @escaping @Sendable () -> Void
    ) {
        group.addTask { [self] in
            await stop.wait()
            return .stop
        }
        group.addTask { [self] in
            await stop.wait()
            try await environment.retry.sleep(Self.drainTime)
            return .timer
        }
        group.addTask { [self] in
            while true {
                try await environment.retry.sleep(Self.statusInterval)
                onStatus()
            }
        }
        group.addTask { [self] in try await compact() }
    }

    /// Waits for the next change.
    private func addChange(_ group: inout ThrowingTaskGroup<Part, any Error>) {
        let change = state.withLock { state in
            state.change = Latch()
            return state.change
        }
        group.addTask {
            await change.wait()
            return .change
        }
    }

    /// Starts what is wanted and does not run, once its predecessor is gone.
    private func startWanted(_ group: inout ThrowingTaskGroup<Part, any Error>) {
        guard !stop.isRaised else { return }
        let started = state.withLock { state in
            let started = state.wanted.filter { state.running[$0.name] == nil }
            for source in started { state.running[source.name] = source }
            return started
        }
        for source in started {
            group.addTask {
                try await source.run()
                return .source(source)
            }
        }
    }

    // MARK: Compaction

    private func compact() async throws -> Part {
        var log = TroubleLog()
        var last = environment.retry.now()
        while !stop.isRaised {
            try await environment.retry.sleep(Self.statusInterval)
            guard let compaction = state.withLock({ $0.compaction }),
                environment.retry.now() - last >= compaction.interval
            else { continue }
            log.note(await trouble(of: compaction.compactor), in: environment)
            last = environment.retry.now()
        }
        return .other
    }

    /// Compacts once, and answers what went wrong.
    private func trouble(of compactor: Compactor) async -> String? {
        do throws(StoreError) {
            let report = try await compactor.run()
            if report.findingCount > 0 { return "compaction: \(report.findingCount) problems; run 'verify'" }
            return report.archiveError.map { "compaction: the archive failed: \($0)" }
        } catch {
            return "compaction: \(error.message)"
        }
    }
}
