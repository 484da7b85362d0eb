private import Synchronization

/// The server's time without asking for it each time.
///
/// It is the server's last answer plus the monotonic time that passed since: the client's wall clock has no part in
/// it. It is never ahead of the server by more than the two clocks drift apart within `maxAge`, never goes back, and
/// lags behind by the way of one answer at most. Safe to use from any task.
public final class ServerClock: Sendable {
    private struct State {
        var answer: (time: Int64, receivedAt: Duration)?
        /// The latest time that was given out.
        var latest = Int64.min
        var isAsking = false
    }

    private let store: VersionedWriter
    private let environment: RetryEnvironment
    private let maxAge: Duration
    private let state = Mutex(State())

    /// - Parameters:
    ///   - maxAge: how long an answer of the server serves.
    ///   - policy: how patiently the server is asked.
    public init(
        store: any DocumentStore,
        environment: RetryEnvironment,
        maxAge: Duration = .seconds(10),
        policy: RetryPolicy = RetryPolicy(deadline: .seconds(10))
    ) {
        self.store = VersionedWriter(store: store, policy: policy, environment: environment)
        self.environment = environment
        self.maxAge = maxAge
    }

    /// Milliseconds since 1970-01-01 UTC.
    ///
    /// While one caller waits for a new answer, others get along with the old one; before there is any, each asks.
    ///
    /// - Throws: `StoreError` where the server had to be asked and did not answer.
    public func now() async throws(StoreError) -> Int64 {
        if let time = timeWithoutAsking() { return time }
        defer { state.withLock { $0.isAsking = false } }
        let time = try await store.serverTime()
        let receivedAt = environment.now()
        return state.withLock { state in
            state.answer = (time, receivedAt)
            state.latest = max(state.latest, time)
            return state.latest
        }
    }

    /// The time by the last answer; nil, and the caller's turn to ask, where it is too old.
    private func timeWithoutAsking() -> Int64? {
        let now = environment.now()
        return state.withLock { state in
            guard let answer = state.answer, state.isAsking || now - answer.receivedAt < maxAge else {
                state.isAsking = true
                return nil
            }
            let passed = max(now - answer.receivedAt, .zero)
            state.latest = max(state.latest, answer.time + passed.milliseconds)
            return state.latest
        }
    }
}
