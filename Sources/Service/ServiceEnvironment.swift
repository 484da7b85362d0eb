package import DocumentStore
package import Live
package import MarketData

/// A line for people.
package struct LogLine: Equatable, Sendable {
    /// How bad it is.
    package enum Level: String, Sendable {
        case info
        /// Something is missing, and the daemon goes on.
        case warning
        /// Something was lost, or could not be done.
        case error
    }

    package let level: Level
    /// The source that it is about; nil for the daemon itself.
    package let source: String?
    package let message: String

    /// The message behind the name of its source.
    package var text: String { source.map { "\($0): \(message)" } ?? message }
}

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
    private let write: @Sendable (LogLine) -> Void

    package init(
        retry: RetryEnvironment,
        connections: FeedConnection.Environment,
        polling: Poller.Environment,
        now: @escaping @Sendable () -> Timestamp,
        tapeID: @escaping @Sendable () -> UInt64,
        log: @escaping @Sendable (LogLine) -> Void
    ) {
        self.retry = retry
        self.connections = connections
        self.polling = polling
        self.now = now
        self.tapeID = tapeID
        write = log
    }

    /// Says something to people.
    ///
    /// - Parameter source: the source that it is about; nil for the daemon itself.
    package func log(_ message: String, _ level: LogLine.Level = .info, source: String? = nil) {
        write(LogLine(level: level, source: source, message: message))
    }
}
