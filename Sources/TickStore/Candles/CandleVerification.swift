public import MarketData

/// What a verification of bars found.
public struct CandleVerification: Sendable {
    /// A number in a bar that a feed sent which is another in ours.
    public struct Difference: Equatable, Sendable {
        public let instrument: Instrument
        public let interval: CandleInterval
        /// The start of the bar, in nanoseconds.
        public let start: Int64
        public let field: String
        public let ours: String
        public let theirs: String
        /// The source of the feed's bar.
        public let source: String
    }

    /// A final bar that is not what its trades make.
    public struct Finding: Equatable, Sendable {
        public let candle: String
        public let problem: String
    }

    /// Bars that feeds sent and that we have, too.
    public var compared = 0
    /// Bars that feeds sent and that we do not have: of other intervals, or of times without trades.
    public var withoutOurs = 0
    /// The first differences, up to `listedMax`; all are counted.
    public var differences: [Difference] = []
    public var differenceCount = 0
    /// Final hours that were made again from their trades, and those whose trades are not stored any more.
    public var hoursChecked = 0
    public var hoursWithoutTrades = 0
    /// The first findings, up to `listedMax`; all are counted.
    public var findings: [Finding] = []
    public var findingCount = 0

    public static let listedMax = 100

    public var isClean: Bool { differenceCount == 0 && findingCount == 0 }

    mutating func add(_ difference: Difference) {
        differenceCount += 1
        if differences.count < Self.listedMax { differences.append(difference) }
    }

    mutating func add(_ candle: String, _ problem: String) {
        findingCount += 1
        if findings.count < Self.listedMax { findings.append(Finding(candle: candle, problem: problem)) }
    }
}
