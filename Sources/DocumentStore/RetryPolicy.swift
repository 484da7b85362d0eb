/// How long, and how patiently, a change is attempted.
public struct RetryPolicy: Sendable {
    /// Nothing is attempted after this much time; an attempt under way ends by its own deadline.
    public let deadline: Duration
    /// The longest first pause.
    ///
    /// Each further pause may be twice as long.
    public let pauseFirst: Duration
    /// The longest pause.
    public let pauseMax: Duration

    public init(
        deadline: Duration,
        pauseFirst: Duration = .milliseconds(10),
        pauseMax: Duration = .seconds(1)
    ) {
        self.deadline = deadline
        self.pauseFirst = pauseFirst
        self.pauseMax = pauseMax
    }

    /// The pause before attempt `attempt` (from 1 on): full jitter, that is anything from zero to the limit.
    ///
    /// Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    public func pause(beforeAttempt attempt: Int, random: Double) -> Duration {
        let doublings = min(attempt - 1, 16)
        let limit = min(pauseFirst * (1 << doublings), pauseMax)
        return limit * random
    }
}

/// Time and chance, handed in, so that a simulation decides both.
public struct RetryEnvironment: Sendable {
    /// Monotonic time since an arbitrary start.
    public let now: @Sendable () -> Duration
    /// Waits; throws when the task is cancelled.
    public let sleep: @Sendable (Duration) async throws -> Void
    /// A number from 0 up to, not including, 1.
    public let random: @Sendable () -> Double

    public init(
        now: @escaping @Sendable () -> Duration,
        sleep: @escaping @Sendable (Duration) async throws -> Void,
        random: @escaping @Sendable () -> Double
    ) {
        self.now = now
        self.sleep = sleep
        self.random = random
    }
}

/// Counts of what the rules did; a metric for operators and a check for tests.
public struct ChangeStatistics: Equatable, Sendable {
    public var attempts = 0
    public var retries = 0
    public var conflicts = 0
    /// Outcomes that were unknown at first and found out by reading back.
    public var resolved = 0
    /// Changes that came from under a lease that another one followed.
    public var fenced = 0

    public init() {}

    /// Adds what others did.
    public mutating func add(_ other: ChangeStatistics) {
        attempts += other.attempts
        retries += other.retries
        conflicts += other.conflicts
        resolved += other.resolved
        fenced += other.fenced
    }
}
