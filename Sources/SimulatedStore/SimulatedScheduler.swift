private import Synchronization

/// Runs tasks one step at a time, in an order that its seed decides.
///
/// Tasks that are started with `start` interleave wherever they suspend, and a `SimulatedStore` suspends before each
/// operation. The same seed gives the same interleaving, so a race that was found once can be run again.
/// Such tasks must not wait for anything outside the simulation: actors, real time, input and output.
public final class SimulatedScheduler: TaskExecutor {
    private struct State {
        var ready: [UnownedJob] = []
        var generator: SplitMix64
        var unfinished = 0
    }

    private let state: Mutex<State>

    public init(seed: UInt64) {
        state = Mutex(State(generator: SplitMix64(seed: seed)))
    }

    /// Adds a task; it takes its first step in `run`.
    public func start(_ operation: @escaping @Sendable () async -> Void) {
        state.withLock { $0.unfinished += 1 }
        // The task is not kept: `run` does not return before it has finished.
        Task(executorPreference: self) {
            await operation()
            self.state.withLock { $0.unfinished -= 1 }
        }
    }

    /// Runs all tasks to their end, on the calling thread.
    public func run() {
        while let job = takeNext() {
            job.runSynchronously(on: asUnownedTaskExecutor())
        }
        let unfinished = state.withLock { $0.unfinished }
        precondition(unfinished == 0, "\(unfinished) tasks wait for something outside the simulation")
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.ready.append(job) }
    }

    private func takeNext() -> UnownedJob? {
        state.withLock { state in
            guard !state.ready.isEmpty else { return nil }
            return state.ready.remove(at: state.generator.nextIndex(below: state.ready.count))
        }
    }
}
