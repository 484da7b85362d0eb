private import CMongoShims
private import Glibc

/// An executor that runs its jobs, in order, on one thread of its own.
///
/// Calls into libmongoc block. On the threads that Swift's tasks share they would bring the whole program to a
/// standstill, so each connection brings a thread along. The thread lives until `stop`, which has to be called.
public final class WorkerThread: SerialExecutor {
    private let shared: WorkerState

    /// Starts the thread.
    ///
    /// - Parameter name: what the kernel calls the thread; at most 15 bytes are kept.
    /// - Throws: `MongoError` of code `configuration` where the system gives no more threads.
    public init(name: String) throws(MongoError) {
        shared = WorkerState(name: name)
        guard shared.start() else {
            throw MongoError(.configuration, "the system gave no thread for a connection to MongoDB; check its limits")
        }
    }

    /// Queues a job.
    ///
    /// Safe to call from any thread.
    ///
    /// - Precondition: the thread was not stopped.
    public func enqueue(_ job: consuming ExecutorJob) {
        shared.enqueue(UnownedJob(job), on: asUnownedSerialExecutor())
    }

    /// Traps unless called on the thread.
    public func checkIsolated() {
        precondition(isCurrent, "a connection to MongoDB was used outside of its thread")
    }

    /// Whether the caller runs on the thread.
    public var isCurrent: Bool { shared.isCurrent }

    /// How many jobs wait for the thread.
    public var queuedCount: Int { shared.queuedCount }

    /// Ends the thread behind the jobs that are queued, and waits for its end.
    ///
    /// Further calls do nothing.
    ///
    /// - Precondition: not called on the thread.
    public func stop() async {
        precondition(!isCurrent, "a thread cannot wait for its own end")
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            shared.stop { continuation.resume() }
        }
        shared.join()
    }
}

/// What a worker's thread and its clients share.
///
/// All stored state is guarded by `mutex`.
///
/// Unchecked because a condition variable needs a mutex of pthreads, which the compiler knows nothing of.
private final class WorkerState: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private let name: String
    private var jobs: [(job: UnownedJob, executor: UnownedSerialExecutor)] = []
    private var thread: pthread_t?
    private var isStopping = false
    private var isFinished = false
    private var isJoined = false
    private var onFinish: [@Sendable () -> Void] = []

    init(name: String) {
        self.name = name
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        condition.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    private func withLock<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    func start() -> Bool {
        withLock {
            var thread = pthread_t()
            let context = Unmanaged.passRetained(self)
            let status = pthread_create(
                &thread,
                nil,
                { context in
                    guard let context else { return nil }
                    Unmanaged<WorkerState>.fromOpaque(context).takeRetainedValue().run()
                    return nil
                },
                context.toOpaque()
            )
            guard status == 0 else {
                context.release()
                return false
            }
            self.thread = thread
            return true
        }
    }

    var isCurrent: Bool {
        withLock { thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
    }

    var queuedCount: Int { withLock { jobs.count } }

    func enqueue(_ job: UnownedJob, on executor: UnownedSerialExecutor) {
        withLock {
            precondition(!isStopping, "a job was queued for a thread that was stopped")
            jobs.append((job, executor))
            pthread_cond_signal(condition)
        }
    }

    /// Calls `completion` when the thread has run its last job, on that thread or at once.
    func stop(_ completion: @escaping @Sendable () -> Void) {
        let finished = withLock {
            isStopping = true
            pthread_cond_signal(condition)
            if !isFinished { onFinish.append(completion) }
            return isFinished
        }
        if finished { completion() }
    }

    /// Collects the thread, which is about to return.
    func join() {
        let thread: pthread_t? = withLock {
            guard isFinished, !isJoined else { return nil }
            isJoined = true
            return self.thread
        }
        if let thread { pthread_join(thread, nil) }
    }

    private func run() {
        name.withCString { td_name_thread($0) }
        while true {
            let batch = withLock {
                while jobs.isEmpty && !isStopping { pthread_cond_wait(condition, mutex) }
                defer { jobs.removeAll(keepingCapacity: true) }
                return jobs
            }
            if batch.isEmpty { break }
            for (job, executor) in batch {
                job.runSynchronously(on: executor)
            }
        }
        let completions = withLock {
            isFinished = true
            defer { onFinish = [] }
            return onFinish
        }
        for completion in completions { completion() }
    }
}
