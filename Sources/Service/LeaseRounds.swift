package import DocumentStore
package import Leases
private import Synchronization

/// Keeps the leases of this instance for as long as the daemon runs.
///
/// Safe to use from any task.
package final class LeaseRounds: Sendable {
    package let keeper: LeaseKeeper
    private let environment: ServiceEnvironment
    private let nudged: Signal
    private let state = Mutex(TroubleLog())

    /// - Parameter store: where the leases are; waits for it end with a lease's length.
    package init(
        _ me: LeaseKeeper.Identity,
        _ timing: LeaseTiming,
        store: any DocumentStore,
        operationIDs: OperationIDs,
        environment: ServiceEnvironment
    ) {
        let nudged = Signal()
        self.environment = environment
        self.nudged = nudged
        keeper = LeaseKeeper(
            me,
            timing,
            writer: VersionedWriter(
                store: store,
                policy: RetryPolicy(deadline: timing.length),
                environment: environment.retry
            ),
            operationIDs: operationIDs,
            environment: environment.retry,
            nudge: { nudged.raise() }
        )
    }

    /// Makes rounds until it is cancelled.
    package func run() async throws {
        while true {
            let round = await keeper.round()
            try Task.checkCancellation()
            note(round)
            try await pause()
        }
    }

    /// Waits until the next round is due, or worth its while before.
    private func pause() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [environment, keeper] in try await environment.retry.sleep(keeper.timing.interval) }
            group.addTask { [nudged] in await nudged.wait() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func note(_ round: LeaseKeeper.Round) {
        let trouble: String? =
            switch round {
            case .done: nil
            case .nameIsTaken:
                "another daemon is instance '\(keeper.me.name)': nothing is taken until it ends, or 'service.instance' "
                    + "names this one otherwise"
            case .failed(let error): "leases cannot be kept: \(error.message)"
            }
        for line in state.withLock({ $0.lines(for: trouble) }) { environment.log(line, .warning) }
    }

    /// Gives everything back that is finished, and says that the instance ends, so that others need not wait for that.
    ///
    /// What fails is logged: then they wait.
    package func withdraw() async {
        do throws(StoreError) {
            try await keeper.withdraw()
        } catch {
            environment.log("leases were not given back: \(error.message)", .warning)
        }
    }
}
