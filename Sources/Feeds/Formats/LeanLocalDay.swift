public import MarketData

/// One calendar day on the clocks of a time zone: turns what they show into moments.
///
/// A time that clocks show twice, when they are set back, is taken for the first of the two; a time that they skip,
/// when they are set forward, is read as if they had not been set yet. Both are what RFC 5545 prescribes (3.3.5).
public struct LocalDay: Sendable {
    /// The milliseconds that a clock shows between two midnights.
    public static let milliseconds: Int64 = 86_400_000

    /// Midnight by the offset in force, in nanoseconds since 1970 UTC.
    private let midnight: Int64
    /// From this time on the clock, in nanoseconds since midnight, `later` holds instead of `midnight`.
    private let change: Int64
    private let later: Int64

    public init(_ date: CalendarDate, in zone: TimeZoneRules) {
        let shown = date.midnightUTC.nanoseconds / 1_000_000_000
        // No zone is more than a day off UTC, so all that can matter is within two days.
        var offset = zone.offset(at: shown - 2 * 86_400)
        var changes: [(clock: Int64, offset: Int64)] = []
        for transition in zone.transitions(after: shown - 2 * 86_400, through: shown + 3 * 86_400) {
            changes.append((transition.time + max(offset, transition.offset) - shown, transition.offset))
            offset = transition.offset
        }
        let before = changes.last { $0.clock <= 0 }?.offset ?? zone.offset(at: shown - 2 * 86_400)
        // No zone has changed its clocks twice within one day.
        let within = changes.first { $0.clock > 0 && $0.clock < 86_400 }
        midnight = (shown - before) * 1_000_000_000
        change = within.map { $0.clock * 1_000_000_000 } ?? .max
        later = (shown - (within?.offset ?? before)) * 1_000_000_000
    }

    /// The moment at which clocks show this much since midnight.
    @inline(__always)
    public func timestamp(nanosecondsSinceMidnight: Int64) -> Timestamp {
        let base = nanosecondsSinceMidnight < change ? midnight : later
        return Timestamp(nanoseconds: base + nanosecondsSinceMidnight)
    }
}
