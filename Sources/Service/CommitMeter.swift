/// How large commits were, and how long they took.
package struct CommitMeter: Sendable {
    /// In seconds, from a millisecond to ten seconds.
    package private(set) var seconds = Histogram(
        bounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    )
    /// Events, from one to all that a commit takes.
    package private(set) var events = Histogram(bounds: [1, 10, 100, 1_000, 10_000, 100_000])

    init() {}

    mutating func add(events count: Int, time: Duration) {
        seconds.add(time / .seconds(1))
        events.add(Double(count))
    }
}

/// Counts of values by size, as Prometheus wants histograms.
package struct Histogram: Sendable {
    /// The largest value that each count takes, in growing order; beyond them there is one more count.
    package let bounds: [Double]
    /// How many values each bound took that no smaller one did.
    package private(set) var counts: [Int]
    package private(set) var sum = 0.0

    package init(bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    package mutating func add(_ value: Double) {
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
        sum += value
    }
}
