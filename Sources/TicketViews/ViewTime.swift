/// The moment at which something is looked at, and the clock on the agent's wall.
package struct ViewTime: Sendable {
    /// By the server's clock, in milliseconds since 1970 UTC.
    package let now: Int64
    private let offset: @Sendable (Int64) -> Int

    /// - Parameters:
    ///   - now: by the server's clock, in milliseconds since 1970 UTC.
    ///   - offset: what the agent's clock is ahead of UTC at a moment (milliseconds since 1970 UTC), in seconds.
    package init(now: Int64, offset: @escaping @Sendable (Int64) -> Int = { _ in 0 }) {
        self.now = now
        self.offset = offset
    }

    /// The date and minute on the agent's clock, such as `2026-11-21 14:45`.
    package func absolute(_ time: Int64) -> String { DateText.local(time, offset: offset(time)) }

    /// In words, such as `5 minutes ago`.
    package func relative(_ time: Int64) -> String { RelativeTime.long(time, now: now) }

    /// Both, such as `2026-11-21 14:45 (5 minutes ago)`.
    package func both(_ time: Int64) -> String { "\(absolute(time)) (\(relative(time)))" }
}
