/// What a server lets one ask: a bucket of tokens, how fast it fills, and perhaps a number a day.
///
/// A pure value without a clock. All times are since 1970 in UTC, so that days are those of most servers. Over any
/// interval, what is taken costs no more than `capacity` and what came in over that interval, in whole numbers: nothing
/// is lost or won by rounding. A clock that is set back gives no tokens and makes no wait longer, but that for the next
/// day.
public struct RequestBudget: Equatable, Sendable {
    /// How many tokens the bucket holds; it begins full.
    public let capacity: Int
    /// How many tokens come in each `period`, evenly.
    public let refill: Int
    /// The time in which `refill` tokens come in.
    public let period: Duration
    /// How many tokens may be taken each day; nil for any number.
    public let quotaPerDay: Int?

    private static let day = 86_400_000_000_000

    /// A token, in the unit of `level`: of these, `refill` come in each nanosecond.
    private let token: Int
    private var level: Int
    private var now: Int?
    private var notBefore: Int = .min
    private var usedToday = 0

    /// A full bucket.
    ///
    /// - Parameters:
    ///   - capacity: from 1 to 100 000 tokens.
    ///   - refill: from 1 to 100 000 tokens.
    ///   - period: from a millisecond to a day.
    ///   - quotaPerDay: at least 1.
    public init(capacity: Int, refill: Int, per period: Duration = .seconds(1), quotaPerDay: Int? = nil) {
        precondition((1...100_000).contains(capacity) && (1...100_000).contains(refill), "budgets are of some size")
        precondition(period >= .milliseconds(1) && period <= .seconds(86_400), "budgets fill within a day")
        precondition(quotaPerDay.map { $0 >= 1 } ?? true, "a quota lets something through")
        self.capacity = capacity
        self.refill = refill
        self.period = period
        self.quotaPerDay = quotaPerDay
        token = period.wholeNanoseconds
        level = capacity * token
    }

    /// The most that one request may cost.
    public var costMax: Int { min(capacity, quotaPerDay ?? capacity) }

    /// Takes tokens for a request, or says how long to wait before it is tried again.
    ///
    /// - Parameters:
    ///   - cost: from 1 to `costMax`.
    ///   - time: since 1970.
    /// - Returns: nil where the request may be sent; else nothing was taken, and where nobody else takes any, the
    ///   request may be sent after this time, and no sooner.
    public mutating func take(_ cost: Int = 1, at time: Duration) -> Duration? {
        precondition((1...costMax).contains(cost), "a request costs what its budget can hold")
        let now = advance(to: time)
        let wait = max(notBefore > now ? notBefore - now : 0, max(waitForTokens(cost), waitForQuota(cost, at: now)))
        guard wait == 0 else { return .nanoseconds(wait) }
        level -= cost * token
        usedToday += cost
        return nil
    }

    /// Lets nothing through for a time, as a server asked for; a shorter one does not end a longer one.
    ///
    /// - Parameters:
    ///   - retryAfter: from now on; see `RetryAfter`.
    ///   - time: since 1970.
    public mutating func obey(_ retryAfter: Duration, at time: Duration) {
        let now = advance(to: time)
        let (end, isTooLong) = now.addingReportingOverflow(max(.zero, retryAfter).wholeNanoseconds)
        notBefore = max(notBefore, isTooLong ? .max : end)
    }

    /// Whether the budget is as a new one: nothing is lost where it is forgotten.
    mutating func isRested(at time: Duration) -> Bool {
        let now = advance(to: time)
        return level == capacity * token && notBefore <= now && (quotaPerDay == nil || usedToday == 0)
    }

    /// Lets time pass.
    private mutating func advance(to time: Duration) -> Int {
        let next = time.wholeNanoseconds
        let last = now ?? next
        now = next
        guard next >= last else {
            // The clock was set back: waits keep their length.
            if notBefore > last { notBefore = next + (notBefore - last) }
            return next
        }
        let missing = capacity * token - level
        let untilFull = (missing + refill - 1) / refill
        level = next - last >= untilFull ? capacity * token : level + (next - last) * refill
        if Self.dayNumber(next) != Self.dayNumber(last) { usedToday = 0 }
        return next
    }

    private func waitForTokens(_ cost: Int) -> Int {
        let missing = cost * token - level
        return missing > 0 ? (missing + refill - 1) / refill : 0
    }

    private func waitForQuota(_ cost: Int, at now: Int) -> Int {
        guard let quotaPerDay, usedToday + cost > quotaPerDay else { return 0 }
        return (Self.dayNumber(now) + 1) * Self.day - now
    }

    private static func dayNumber(_ time: Int) -> Int {
        time >= 0 ? time / day : (time + 1) / day - 1
    }
}
