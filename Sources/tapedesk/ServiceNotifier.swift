import Console
import Glibc
import Service
import Synchronization

/// Tells people and systemd how a daemon is doing.
final class ServiceNotifier: Sendable {
    private let notifier = SystemdNotifier(environment: Terminal.environment)
    private let stop: Latch
    private let state = Mutex(State())

    private struct State {
        var isReady = false
        /// Up to where each source was confirmed when it was looked at last, by name.
        var confirmed: [String: Int64] = [:]
        /// For how many seconds some source has had something to store, and nothing was confirmed.
        var stuckFor = 0
    }

    /// Commits of one stretch may take so long.
    private static let stuckMax = 30
    /// While it starts, systemd is told every second that it may take so much longer.
    private static let startingTime: Duration = .seconds(30)

    init(_ stop: Latch) {
        self.stop = stop
    }

    /// Called every second.
    func tell(_ daemon: Daemon) {
        let sources = daemon.liveSources
        let line = ServiceText.line(daemon)
        Terminal.progress(line)
        notifier.status(line)
        let statuses = Dictionary(uniqueKeysWithValues: sources.map { ($0.settings.name, $0.status) })
        let isStarted = daemon.sources.allSatisfy(\.isStarted)
        let news = state.withLock { state in
            defer {
                state.isReady = state.isReady || isStarted
            }
            let isStuck = statuses.contains { Self.isStuck($0.value, since: state.confirmed[$0.key]) }
            state.stuckFor = isStuck ? state.stuckFor + 1 : 0
            state.confirmed = statuses.mapValues(\.confirmed)
            return (
                isReady: isStarted && !state.isReady,
                isStarting: !isStarted && !state.isReady,
                isMoving: state.stuckFor < Self.stuckMax
            )
        }
        if news.isReady { notifier.ready() }
        if news.isStarting { notifier.extendTimeout(by: Self.startingTime) }
        if notifier.watchdogInterval != nil, news.isMoving { notifier.watchdog() }
    }

    /// Says so as soon as the daemon is told to stop: it may be gone within a second.
    func watchForTheEnd() async {
        await stop.wait()
        notifier.stopping()
    }

    /// The configuration is being read again.
    func reloading() {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        notifier.reloading(at: .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec))
    }

    /// The configuration was read again, and taken over or not.
    func reloaded() { notifier.ready() }

    /// Whether a source has something to store, nothing is known to keep it from that, and nothing was confirmed.
    private static func isStuck(_ status: LiveSource.Status, since before: Int64?) -> Bool {
        status.waitingBytes > 0 && status.trouble == nil && status.confirmed == before
    }
}
