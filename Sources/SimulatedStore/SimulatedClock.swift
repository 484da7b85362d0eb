public import DocumentStore
private import Synchronization

/// Time that passes only when something says so, and chance that repeats with its seed.
///
/// Sleeping moves the time on by the whole sleep, at once: tasks that sleep side by side take turns.
/// Safe to use from any task.
public final class SimulatedClock: Sendable {
    private struct State {
        var now: Duration = .zero
        var generator: SplitMix64
    }

    private let state: Mutex<State>

    public init(seed: UInt64 = 0) {
        state = Mutex(State(generator: SplitMix64(seed: seed)))
    }

    /// The time since the clock was made.
    public var now: Duration { state.withLock { $0.now } }

    /// Lets time pass.
    public func advance(by duration: Duration) {
        precondition(duration >= .zero, "time does not go back")
        state.withLock { $0.now += duration }
    }

    /// Lets time pass as a sleep would, and others run meanwhile.
    ///
    /// - Throws: `CancellationError` when the task is cancelled; then no time passes.
    public func sleep(_ duration: Duration) async throws {
        try Task.checkCancellation()
        advance(by: duration)
        await Task.yield()
    }

    /// This clock and its chance, in the form that the rules of changes take.
    public var environment: RetryEnvironment {
        RetryEnvironment(
            now: { self.now },
            sleep: { try await self.sleep($0) },
            random: { self.state.withLock { $0.generator.nextUnit() } }
        )
    }
}
