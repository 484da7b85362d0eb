private import Synchronization

/// Leases connections to one MongoDB deployment; opens them when they are needed.
///
/// Safe to use from any task. Has to be closed: its connections have threads.
public final class ConnectionPool: Sendable {
    /// Beyond this many callers that wait for a connection, further ones are turned away.
    public static let waiterCountMax = 1024

    private typealias ConnectionID = ConnectionPoolStateMachine.ConnectionID
    private typealias WaiterID = ConnectionPoolStateMachine.WaiterID

    private enum Lease: Sendable {
        case use(ConnectionID)
        case open(ConnectionID)
        case reject(ConnectionPoolStateMachine.Rejection)
        case cancelled
    }

    private struct State: Sendable {
        var machine: ConnectionPoolStateMachine
        var connections: [MongoConnection?]
        var continuations: [WaiterID: CheckedContinuation<Lease, Never>] = [:]
        var nextWaiter: WaiterID = 0
        var turnedAway = 0
        var closing: [CheckedContinuation<Void, Never>] = []
        var isFinished = false
    }

    public let configuration: MongoConfiguration
    let clients: ClientPool
    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant
    private let state: Mutex<State>

    /// Makes a pool; connects to nothing yet.
    public init(configuration: MongoConfiguration) {
        MongoLibrary.start()
        self.configuration = configuration
        clients = ClientPool(configuration: configuration)
        start = clock.now
        state = Mutex(
            State(
                machine: ConnectionPoolStateMachine(
                    connectionCount: configuration.connectionCount,
                    waiterCountMax: Self.waiterCountMax
                ),
                connections: Array(repeating: nil, count: configuration.connectionCount)
            )
        )
    }

    deinit {
        state.withLock { state in
            precondition(state.isFinished || state.machine.openCount == 0, "a connection pool has to be closed")
        }
    }

    /// How busy the pool is, and was.
    public struct Statistics: Equatable, Sendable {
        /// Connections that are open.
        public let open: Int
        /// Connections that work at the moment.
        public let leased: Int
        /// Callers that wait for one at the moment.
        public let waiting: Int
        /// Callers that had to wait so far.
        public let waits: Int
        /// Callers that got none so far.
        public let turnedAway: Int
    }

    public var statistics: Statistics {
        state.withLock { state in
            Statistics(
                open: state.machine.openCount,
                leased: state.machine.leasedCount,
                waiting: state.machine.waiterCount,
                waits: Int(state.nextWaiter),
                turnedAway: state.turnedAway
            )
        }
    }

    /// Runs `body` on the thread of a connection that nobody else uses meanwhile.
    ///
    /// - Parameters:
    ///   - deadline: until when to wait for a connection. An operation that has started ends by its own bounds.
    ///   - body: does its calls without suspending.
    /// - Throws: what `body` throws; `MongoError` of code `poolExhausted` when no connection became free, and
    ///   `closed` when the pool was closed or the task cancelled before.
    public func withConnection<Result: Sendable>(
        deadline: ContinuousClock.Instant,
        _ body: @Sendable (isolated MongoConnection) throws(MongoError) -> Result
    ) async throws(MongoError) -> Result {
        let (id, connection) = try await lease(until: deadline)
        defer { perform(state.withLock { $0.machine.release(id) }) }
        return try await body(connection)
    }

    /// Turns away who waits, waits for operations under way, closes all connections and ends their threads.
    ///
    /// Takes no longer than the longest operation plus the time to find a server. Further calls wait as well.
    public func close() async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let (rejected, finish, done) = state.withLock { state in
                let action = state.machine.close()
                let rejected = action.rejected.compactMap { state.continuations.removeValue(forKey: $0) }
                if !state.isFinished { state.closing.append(continuation) }
                return (rejected, action.finish, state.isFinished)
            }
            for waiter in rejected { waiter.resume(returning: .reject(.closed)) }
            if done { continuation.resume() }
            if let finish { perform(.finishClosing(finish)) }
        }
    }
}

extension ConnectionPool {
    private var now: Duration { start.duration(to: clock.now) }

    private func lease(until deadline: ContinuousClock.Instant) async throws(MongoError) -> (Int, MongoConnection) {
        guard !Task.isCancelled else { throw Self.error(.cancelled) }
        var lease: Lease
        switch state.withLock({ $0.machine.leaseAtOnce() }) {
        case .use(let id): lease = .use(id)
        case .open(let id): lease = .open(id)
        case .reject(let reason): lease = .reject(reason)
        case .wait, nil: lease = await wait(until: deadline)
        }
        switch lease {
        case .use(let id):
            guard let connection = state.withLock({ $0.connections[id] }) else {
                preconditionFailure("a connection in use is open")
            }
            return (id, connection)
        case .open(let id):
            return (id, try open(id))
        case .reject, .cancelled:
            state.withLock { $0.turnedAway += 1 }
            throw Self.error(lease)
        }
    }

    private func open(_ id: ConnectionID) throws(MongoError) -> MongoConnection {
        do throws(MongoError) {
            let connection = try MongoConnection(clients: clients, name: "mongo-\(id)")
            state.withLock { $0.connections[id] = connection }
            return connection
        } catch {
            perform(state.withLock { $0.machine.openFailed(id) })
            throw error
        }
    }

    private func wait(until deadline: ContinuousClock.Instant) async -> Lease {
        let waiter = state.withLock { state in
            defer { state.nextWaiter += 1 }
            return state.nextWaiter
        }
        return await withTaskGroup(of: Void.self) { group in
            group.addTask {
                try? await self.clock.sleep(until: deadline)
                self.expire(waiter)
            }
            defer { group.cancelAll() }
            return await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    self.enqueue(waiter, until: deadline, continuation)
                }
            } onCancel: {
                self.cancel(waiter)
            }
        }
    }

    private func enqueue(
        _ waiter: WaiterID,
        until deadline: ContinuousClock.Instant,
        _ continuation: CheckedContinuation<Lease, Never>
    ) {
        let answer: Lease? = state.withLock { state in
            // Looked at under the lock: a cancellation handler that ran before found no waiter, one that runs later
            // finds it. The same holds for the deadline.
            if Task.isCancelled { return .cancelled }
            switch state.machine.lease(waiter, now: now, deadline: start.duration(to: deadline)) {
            case .use(let id): return .use(id)
            case .open(let id): return .open(id)
            case .reject(let reason): return .reject(reason)
            case .wait:
                state.continuations[waiter] = continuation
                return nil
            }
        }
        if let answer { continuation.resume(returning: answer) }
    }

    private func expire(_ waiter: WaiterID) {
        let continuation = state.withLock { state in
            state.machine.expire(waiter, now: now) ? state.continuations.removeValue(forKey: waiter) : nil
        }
        continuation?.resume(returning: .reject(.deadlinePassed))
    }

    private func cancel(_ waiter: WaiterID) {
        let continuation = state.withLock { state in
            state.machine.cancel(waiter) ? state.continuations.removeValue(forKey: waiter) : nil
        }
        continuation?.resume(returning: .cancelled)
    }

    private func perform(_ action: ConnectionPoolStateMachine.ReleaseAction) {
        switch action {
        case .none:
            break
        case .resume(let waiter, let id):
            state.withLock { $0.continuations.removeValue(forKey: waiter) }?.resume(returning: .use(id))
        case .resumeToOpen(let waiter, let id):
            state.withLock { $0.continuations.removeValue(forKey: waiter) }?.resume(returning: .open(id))
        case .finishClosing(let open):
            let connections = state.withLock { state in
                defer { for id in open { state.connections[id] = nil } }
                return open.compactMap { state.connections[$0] }
            }
            // Not awaited here, since whoever released last need not wait; `close` waits for its end.
            Task { await self.finish(connections) }
        }
    }

    private func finish(_ connections: [MongoConnection]) async {
        for connection in connections { await connection.giveBack() }
        // Last of all, and on a worker: destroying the pool talks to the servers.
        await connections.first?.destroyClients()
        for connection in connections { await connection.worker.stop() }
        let closing = state.withLock { state in
            state.isFinished = true
            defer { state.closing = [] }
            return state.closing
        }
        for continuation in closing { continuation.resume() }
    }

    private static func error(_ lease: Lease) -> MongoError {
        switch lease {
        case .reject(.closed):
            MongoError(.closed, "the connections to MongoDB were closed")
        case .reject(.tooManyWaiters):
            MongoError(.poolExhausted, "more than \(waiterCountMax) operations wait for a connection to MongoDB")
        case .reject(.deadlinePassed):
            MongoError(.poolExhausted, "no connection to MongoDB became free in time")
        case .cancelled, .use, .open:
            MongoError(.closed, "the operation was cancelled before it was sent to MongoDB")
        }
    }
}
