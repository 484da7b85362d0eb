package import DocumentStore
package import Live
package import MarketData

/// What a daemon needs of the world.
package struct ServiceEnvironment: Sendable {
    /// Clock, waiting and chance.
    package let retry: RetryEnvironment
    /// What connections need.
    package let connections: FeedConnection.Environment
    /// What polling needs.
    package let polling: Poller.Environment
    /// The time of day.
    package let now: @Sendable () -> Timestamp
    /// A number that no tape had before.
    package let tapeID: @Sendable () -> UInt64
    /// Takes a line for people.
    package let log: @Sendable (String) -> Void

    package init(
        retry: RetryEnvironment,
        connections: FeedConnection.Environment,
        polling: Poller.Environment,
        now: @escaping @Sendable () -> Timestamp,
        tapeID: @escaping @Sendable () -> UInt64,
        log: @escaping @Sendable (String) -> Void
    ) {
        self.retry = retry
        self.connections = connections
        self.polling = polling
        self.now = now
        self.tapeID = tapeID
        self.log = log
    }
}

/// Says of troubles that last what they are, once, and how often they came when they change.
struct TroubleLog {
    private var last: String?
    private var repetitions = 0

    /// The lines that are to be said now.
    mutating func lines(for trouble: String?) -> [String] {
        if trouble == last {
            if trouble != nil { repetitions += 1 }
            return []
        }
        var lines: [String] = []
        if let last, repetitions > 0 { lines.append("\(last) (\(repetitions) times more)") }
        last = trouble
        repetitions = 0
        if let trouble { lines.append(trouble) }
        return lines
    }
}
