import MarketData

/// The volume of the running window, and what those before it make a spike of.
///
/// Sums are exact decimals of up to 34 digits, and so is the comparison: the average is never divided out. A window
/// whose sums do not fit is not judged.
struct VolumeWindows: Sendable {
    private let length: Int64
    private let times: ExactDecimal
    private let easedTimes: ExactDecimal
    /// The sums of the windows before the running one, at their number modulo how many there are.
    private var sums: [DecimalSum]
    private(set) var total = DecimalSum.zero
    private(set) var running = DecimalSum.zero
    /// The running window and when it begins; before the first trade there is none.
    private var number: Int64 = -1
    private var start: Int64 = 0
    private var newestReceipt: Int64 = 0
    /// The window of the first trade, which is cut.
    private var first: Int64 = -1
    /// Volumes that make a spike, and that no longer do, both times the number of windows; nil where nothing does.
    private var spike: ScaledMagnitude?
    private var eased: ScaledMagnitude?

    init(times: ExactDecimal, rearm: ExactDecimal, length: Duration, averageOver: Int) {
        self.length = length.wholeNanoseconds
        self.times = times.normalized
        easedTimes = Percent.eased(times, by: rearm)
        sums = Array(repeating: .zero, count: averageOver)
    }

    /// How many windows the average is taken over.
    var count: Int { sums.count }

    /// How the running window stands to the average.
    enum Level {
        /// There are not enough windows before it, or their volume is zero or too large to be judged.
        case unknown
        case low
        /// Between what re-arms and what fires.
        case between
        case spike
    }

    /// Adds the size of a trade to the window of its time.
    mutating func add(_ size: ExactDecimal, at time: Int64, received receipt: Int64) {
        if number < 0 || time < start || time - start >= length { enter(time, receipt) }
        if time >= start {
            newestReceipt = max(newestReceipt, receipt)
            running.add(size)
        } else {
            addLate(size, at: time)
        }
    }

    var level: Level {
        guard let spike, let eased, let parts = running.parts else { return .unknown }
        let (product, overflow) = parts.mantissa.magnitude.multipliedReportingOverflow(by: UInt128(sums.count))
        guard !overflow else { return .unknown }
        let volume = ScaledMagnitude(magnitude: product, exponent: Int(parts.exponent))
        return volume >= spike ? .spike : volume < eased ? .low : .between
    }

    /// Goes on to the window of a time that is not in the running one, unless it is before that.
    private mutating func enter(_ time: Int64, _ receipt: Int64) {
        let entered = time / length
        let isFirst = number < 0
        if entered < number {
            // Late, unless nothing else has come for as long as the windows are: then it is another clock.
            guard number - entered > Int64(sums.count), receipt - newestReceipt > length else { return }
        }
        if isFirst || entered < number || entered - number > Int64(sums.count) {
            for index in sums.indices { sums[index] = .zero }
            total = .zero
            if isFirst || entered < number {
                first = entered
                newestReceipt = receipt
            }
        } else {
            for closing in number..<entered {
                sums[Int(closing % Int64(sums.count))] = closing == number ? running : .zero
            }
            total = sums.reduce(into: .zero) { $0.add($1) }
        }
        number = entered
        start = entered * length
        running = .zero
        settle()
    }

    /// Where this is the first window, or one before it, its sum is gone before anything is judged.
    private mutating func addLate(_ size: ExactDecimal, at time: Int64) {
        let window = time / length
        guard number - window <= Int64(sums.count) else { return }
        sums[Int(window % Int64(sums.count))].add(size)
        total.add(size)
        settle()
    }

    /// Works out from which volume on the running window is a spike.
    private mutating func settle() {
        spike = nil
        eased = nil
        guard number - first > Int64(sums.count), let parts = total.parts, parts.mantissa > 0 else { return }
        spike = Self.product(parts, times)
        eased = Self.product(parts, easedTimes)
    }

    private static func product(_ sum: (mantissa: Int128, exponent: Int8), _ times: ExactDecimal) -> ScaledMagnitude? {
        let factor = UInt128(times.mantissa.magnitude)
        let (product, overflow) = sum.mantissa.magnitude.multipliedReportingOverflow(by: factor)
        return overflow ? nil : ScaledMagnitude(magnitude: product, exponent: Int(sum.exponent) + Int(times.exponent))
    }
}
