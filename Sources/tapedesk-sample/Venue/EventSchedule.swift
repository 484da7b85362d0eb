import NIOCore

/// When which event is due: counted from the beginning, so that a late batch makes no event of the whole late.
struct EventSchedule {
    /// Events per second.
    let rate: Int
    /// How many there are at all; nil for no end.
    let eventsMax: Int?

    private static let shortestStep: Int64 = 5_000_000
    private static let longestStep: Int64 = 100_000_000
    private static let nanosecondsPerSecond: Int64 = 1_000_000_000

    init(rate: Int, length: TimeAmount?) {
        self.rate = rate
        eventsMax = length.map { Self.events(in: $0, rate: rate) }
    }

    /// Between two batches.
    var step: TimeAmount {
        .nanoseconds(min(max(Self.nanosecondsPerSecond / Int64(rate), Self.shortestStep), Self.longestStep))
    }

    /// How many events a batch has at most: who was held up catches up in steps.
    var batchMax: Int { max(rate / 20, 10) }

    /// How many events are due when so much time has passed.
    func due(after elapsed: TimeAmount) -> Int {
        min(Self.events(in: elapsed, rate: rate), eventsMax ?? .max)
    }

    /// When the batch behind a point of time is due, from the beginning.
    func nextStep(after elapsed: TimeAmount) -> TimeAmount {
        .nanoseconds((elapsed.nanoseconds / step.nanoseconds + 1) * step.nanoseconds)
    }

    private static func events(in elapsed: TimeAmount, rate: Int) -> Int {
        let (seconds, rest) = elapsed.nanoseconds.quotientAndRemainder(dividingBy: nanosecondsPerSecond)
        return Int(seconds) * rate + Int(rest) * rate / Int(nanosecondsPerSecond)
    }
}
