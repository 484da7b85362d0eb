private import Glibc

/// The clock of deadlines: it has to be the one that libcurl measures them with.
enum MonotonicTime {
    /// The time since some moment, the same for all calls in the process.
    static func now() -> Duration {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}

extension Duration {
    /// Whole nanoseconds; what is beyond the range of `Int`, some 292 years, is cut to it.
    var wholeNanoseconds: Int {
        let (seconds, attoseconds) = components
        let (product, isTooLong) = Int(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        if isTooLong { return seconds < 0 ? .min : .max }
        let (sum, isBeyond) = product.addingReportingOverflow(Int(attoseconds / 1_000_000_000))
        return isBeyond ? (seconds < 0 ? .min : .max) : sum
    }

    /// Milliseconds, and one more for a rest; for durations of less than 292 years.
    var millisecondsRoundedUp: Int {
        let nanoseconds = wholeNanoseconds
        return nanoseconds / 1_000_000 + (nanoseconds % 1_000_000 > 0 ? 1 : 0)
    }
}
