/// Writes series of integers: differences, divided by what they have in common, in entropy-coded bins.
///
/// Holds scratch memory; used by one task at a time.
final class SeriesEncoder {
    private let selection: BinSelection
    /// What is left of the values: differences, as multiples of the divisor.
    private var units: UnsafeMutableBufferPointer<Int64>
    private var symbols: UnsafeMutableBufferPointer<UInt8>
    private var words: UnsafeMutableBufferPointer<UInt16>

    /// How many values are looked at to decide how often differences are taken, in how many stretches.
    private static let sampleCount = 2_048
    private static let sampleStretches = 8
    /// Fewer numbers hardly ever make up for the list of bins.
    private static let binnedCountMin = 32
    /// The states of the entropy coder and the lengths around them.
    private static let statesBits = 160.0

    /// Makes room for series of `capacity` values; longer ones make more.
    init(capacity: Int) {
        selection = BinSelection(capacity: capacity)
        units = .allocate(capacity: capacity)
        symbols = .allocate(capacity: capacity)
        words = .allocate(capacity: capacity)
    }

    deinit {
        units.deallocate()
        symbols.deallocate()
        words.deallocate()
    }

    /// Appends a series of at least one value.
    func encode(_ values: UnsafeBufferPointer<Int64>, into writer: inout ByteWriter) {
        reserve(values.count)
        let order = isConstant(values) ? 0 : bestOrder(values)
        let rest = UnsafeMutableBufferPointer(rebasing: units[..<(values.count - order)])
        Self.takeDifferences(values, order: order, from: order, into: rest)
        let scaling = Scaling(rest, isCentred: order > 0)
        scaling.apply(rest)
        let numbers = UnsafeBufferPointer(rest)
        let (least, greatest) = numbers.bounds
        let width = UInt64(bitPattern: greatest &- least).bitWidthUsed
        let hasBins = width > 0 && numbers.count >= Self.binnedCountMin && binsPay(numbers, width)
        // Equal numbers are no multiples of anything: the lower end says all.
        let hasDivisor = width > 0 && scaling.divisor > 1
        let form = SealedFormat.Form(order: order, hasDivisor: hasDivisor, hasBins: hasBins)
        writer.append(form.rawValue)
        if order > 0 { writer.append(variable: values[0].zigzag) }
        if order > 1 { writer.append(variable: (values[1] &- values[0]).zigzag) }
        if form.hasDivisor { writer.append(variable: scaling.divisor) }
        if hasBins {
            appendBins(numbers, scaling, &writer)
        } else {
            writer.append(variable: scaling.value(least).zigzag)
            writer.bytes.append(UInt8(width))
            appendOffsets(numbers, from: least, width: width, &writer)
        }
    }

    private func binsPay(_ numbers: UnsafeBufferPointer<Int64>, _ width: Int) -> Bool {
        selection.select(numbers)
        return selection.bits + Self.statesBits < Double(width * numbers.count)
    }

    private func reserve(_ count: Int) {
        guard units.count < count else { return }
        units.deallocate()
        symbols.deallocate()
        words.deallocate()
        units = .allocate(capacity: count)
        symbols = .allocate(capacity: count)
        words = .allocate(capacity: count)
    }

    private func isConstant(_ values: UnsafeBufferPointer<Int64>) -> Bool {
        let first = values[0]
        var union: Int64 = 0
        for value in values { union |= value ^ first }
        return union == 0
    }
}

// Differences.
extension SeriesEncoder {
    /// Fills `target` with the values themselves, their differences, or the differences of those.
    @inline(__always)
    private static func takeDifferences(
        _ values: UnsafeBufferPointer<Int64>,
        order: Int,
        from start: Int,
        into target: UnsafeMutableBufferPointer<Int64>
    ) {
        switch order {
        case 0: for index in 0..<target.count { target[index] = values[start &+ index] }
        case 1:
            for index in 0..<target.count {
                target[index] = values[start &+ index] &- values[start &+ index &- 1]
            }
        default:
            for index in 0..<target.count {
                let place = start &+ index
                target[index] = values[place] &- 2 &* values[place &- 1] &+ values[place &- 2]
            }
        }
    }

    /// How often differences are to be taken, by what a sample takes then.
    private func bestOrder(_ values: UnsafeBufferPointer<Int64>) -> Int {
        var best = (order: 0, bits: Double.infinity)
        for order in 0...min(SealedFormat.orderMax, values.count - 1) {
            let count = sample(values, order: order)
            let numbers = UnsafeMutableBufferPointer(rebasing: units[..<count])
            let scaling = Scaling(numbers, isCentred: order > 0)
            scaling.apply(numbers)
            let bits = bits(UnsafeBufferPointer(numbers), of: values.count) + Double(order) * 16
            if bits < best.bits { best = (order, bits) }
        }
        return best.order
    }

    /// What a sample says that all numbers take, roughly.
    private func bits(_ numbers: UnsafeBufferPointer<Int64>, of total: Int) -> Double {
        let (least, greatest) = numbers.bounds
        let range = Double(UInt64(bitPattern: greatest &- least).bitWidthUsed * total)
        guard numbers.count >= Self.binnedCountMin, range > 0 else { return range }
        selection.select(numbers, scale: Double(total) / Double(numbers.count))
        return min(range, selection.bits + Self.statesBits)
    }

    /// Takes differences of a sample and answers how many there are.
    private func sample(_ values: UnsafeBufferPointer<Int64>, order: Int) -> Int {
        let available = values.count - order
        guard available > Self.sampleCount else {
            Self.takeDifferences(
                values,
                order: order,
                from: order,
                into: UnsafeMutableBufferPointer(rebasing: units[..<available])
            )
            return available
        }
        let length = Self.sampleCount / Self.sampleStretches
        for stretch in 0..<Self.sampleStretches {
            let start = stretch * (available - length) / (Self.sampleStretches - 1)
            let target = units[(stretch * length)..<((stretch + 1) * length)]
            Self.takeDifferences(
                values,
                order: order,
                from: order + start,
                into: UnsafeMutableBufferPointer(rebasing: target)
            )
        }
        return Self.sampleCount
    }
}

/// Numbers as multiples of what divides their distances from a centre.
private struct Scaling {
    let centre: Int64
    let divisor: UInt64

    /// Finds centre and divisor of numbers: zero is the centre of differences, the least value that of values.
    init(_ numbers: UnsafeMutableBufferPointer<Int64>, isCentred: Bool) {
        var centre: Int64 = 0
        if !isCentred {
            centre = numbers[0]
            for number in numbers { centre = min(centre, number) }
        }
        var divisor: UInt64 = 0
        for number in numbers {
            let distance = (number &- centre).magnitude
            guard distance != 0, divisor == 0 || distance % divisor != 0 else { continue }
            divisor = Self.commonDivisor(divisor, distance)
            if divisor == 1 { break }
        }
        self.centre = centre
        self.divisor = max(divisor, 1)
    }

    func value(_ unit: Int64) -> Int64 { centre &+ unit &* Int64(bitPattern: divisor) }

    /// Replaces numbers by their multiples.
    func apply(_ numbers: UnsafeMutableBufferPointer<Int64>) {
        guard divisor > 1 else {
            if centre != 0 { for index in 0..<numbers.count { numbers[index] &-= centre } }
            return
        }
        // There is no remainder, so multiplication with the inverse modulo 2^64 divides.
        let shift = Int64(divisor.trailingZeroBitCount)
        let odd = Int64(bitPattern: divisor &>> UInt64(shift))
        var inverse = odd
        for _ in 0..<5 { inverse = inverse &* (2 &- odd &* inverse) }
        for index in 0..<numbers.count {
            numbers[index] = ((numbers[index] &- centre) &>> shift) &* inverse
        }
    }

    private static func commonDivisor(_ left: UInt64, _ right: UInt64) -> UInt64 {
        var (left, right) = (left, right)
        while right != 0 { (left, right) = (right, left % right) }
        return left
    }
}

// Writing.
extension SeriesEncoder {
    private func appendBins(_ numbers: UnsafeBufferPointer<Int64>, _ scaling: Scaling, _ writer: inout ByteWriter) {
        let symbols = UnsafeMutableBufferPointer(rebasing: symbols[..<numbers.count])
        guard let target = symbols.baseAddress else { return }
        selection.assign(numbers, symbols: target)
        let bins = selection.bins
        let frequencies = ANSCoding.Frequencies(counts: bins.map(\.count))
        writer.bytes.append(UInt8(bins.count - 1))
        writer.bytes.append(UInt8(frequencies.precision))
        for (index, (bin, frequency)) in zip(bins, frequencies.values).enumerated() {
            if index == 0 {
                writer.append(variable: scaling.value(bin.lower).zigzag)
            } else {
                writer.append(variable: UInt64(bitPattern: bin.lower &- bins[index - 1].lower))
            }
            writer.append(variable: UInt64(frequency) << 1 | (bin.width > 0 ? 1 : 0))
            if bin.width > 0 { writer.bytes.append(UInt8(bin.width)) }
        }
        let words = UnsafeMutableBufferPointer(rebasing: words[..<numbers.count])
        let (states, firstWord) = ANSCoding.encode(UnsafeBufferPointer(symbols), frequencies, words: words)
        writer.append(variable: UInt64(words.count - firstWord))
        for state in states { writer.append(state) }
        writer.append(words: words[firstWord...])
        appendOffsets(numbers, bins, &writer)
    }

    /// Appends what each number is above the lower end of its bin.
    private func appendOffsets(_ numbers: UnsafeBufferPointer<Int64>, _ bins: [Bin], _ writer: inout ByteWriter) {
        let bitCount = bins.reduce(0) { $0 + $1.width * $1.count }
        guard bitCount > 0 else { return }
        let symbols = symbols
        writer.append(bits: bitCount) { append in
            bins.withUnsafeBufferPointer { bins in
                for index in 0..<numbers.count {
                    let bin = bins[Int(symbols[index])]
                    append(UInt64(bitPattern: numbers[index] &- bin.lower), bin.width)
                }
            }
        }
    }

    /// Appends what each number is above the least.
    private func appendOffsets(
        _ numbers: UnsafeBufferPointer<Int64>,
        from least: Int64,
        width: Int,
        _ writer: inout ByteWriter
    ) {
        writer.append(bits: width * numbers.count) { append in
            for number in numbers { append(UInt64(bitPattern: number &- least), width) }
        }
    }
}

extension ByteWriter {
    fileprivate mutating func append(words: Slice<UnsafeMutableBufferPointer<UInt16>>) {
        bytes.reserveCapacity(bytes.count + 2 * words.count)
        for word in words {
            bytes.append(UInt8(truncatingIfNeeded: word))
            bytes.append(UInt8(truncatingIfNeeded: word >> 8))
        }
    }

    /// Appends numbers of any widths, `bits` in all, as one row of bits from the least significant one on.
    @inline(__always)
    fileprivate mutating func append(bits: Int, _ body: ((UInt64, Int) -> Void) -> Void) {
        guard bits > 0 else { return }
        let start = bytes.count
        // Whole words are stored, so the last store may reach past the end.
        bytes.append(contentsOf: repeatElement(0, count: (bits + 7) / 8 + 8))
        bytes.withUnsafeMutableBytes { target in
            var word: UInt64 = 0
            var filled = 0
            var offset = start
            body { number, width in
                guard width > 0 else { return }
                word |= number &<< UInt64(filled)
                filled += width
                guard filled >= 64 else { return }
                target.storeBytes(of: word.littleEndian, toByteOffset: offset, as: UInt64.self)
                offset += 8
                filled -= 64
                // The bits of the number that did not fit; none where it fitted exactly.
                word = filled == 0 ? 0 : number &>> UInt64(width - filled)
            }
            if filled > 0 { target.storeBytes(of: word.littleEndian, toByteOffset: offset, as: UInt64.self) }
        }
        bytes.removeLast(8)
    }
}
