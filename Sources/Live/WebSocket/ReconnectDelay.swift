/// How long to wait before a connection is tried again.
///
/// Twice as long at most after every failure, up to a limit, and drawn evenly from nothing to that ("full jitter",
/// Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015), so that many clients of a venue that comes
/// back do not come all at once.
public struct ReconnectDelay: Sendable {
    private let first: Duration
    private let longest: Duration
    private var failures = 0

    public init(first: Duration = .milliseconds(500), longest: Duration = .seconds(30)) {
        precondition(first > .zero && first <= longest, "delays grow")
        self.first = first
        self.longest = longest
    }

    /// The next delay.
    ///
    /// - Parameter chance: from 0 up to, and not including, 1.
    public mutating func next(_ chance: Double) -> Duration {
        let limit = min(longest, first * (1 << min(failures, 20)))
        failures += 1
        return limit * chance
    }

    /// The connection held: the next failure is a first one.
    public mutating func reset() { failures = 0 }
}
