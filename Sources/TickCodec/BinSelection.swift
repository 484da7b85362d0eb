/// Chooses the bins of a series: ranges of numbers, and single numbers that are frequent.
///
/// Ranges are powers of two, halves or quarters of them, on both sides of zero: four classes for each octave.
///
/// Holds scratch memory; used by one task at a time.
final class BinSelection {
    /// The bins that were chosen, in the order of their lower ends.
    private(set) var bins: [Bin] = []
    /// What the series takes in these bins, roughly and in bits.
    private(set) var bits = 0.0

    private let counts = ValueCounts()
    private var slots: UnsafeMutableBufferPointer<UInt16>
    private let slotSymbols = UnsafeMutablePointer<UInt8>.allocate(capacity: Int(ValueCounts.otherSlot))
    private let classCounts = UnsafeMutableBufferPointer<Int>.allocate(capacity: classCount)
    private let classSymbols = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: classCount)
    private var singles: [Single] = []

    /// What a single number takes in the list of bins.
    private static let singleBits = 18.0
    /// What a range takes there.
    private static let rangeBits = 28.0
    private static let classesPerSign = 248
    private static let classCount = 2 * classesPerSign

    private struct Single {
        let slot: UInt16
        let gain: Double
    }

    init(capacity: Int) {
        slots = .allocate(capacity: capacity)
        classCounts.initialize(repeating: 0)
        classSymbols.initialize(repeating: 0)
    }

    deinit {
        slots.deallocate()
        slotSymbols.deallocate()
        classCounts.deallocate()
        classSymbols.deallocate()
    }

    /// Chooses bins for numbers that stand for `scale` times as many.
    func select(_ numbers: UnsafeBufferPointer<Int64>, scale: Double = 1) {
        if slots.count < numbers.count {
            slots.deallocate()
            slots = .allocate(capacity: numbers.count)
        }
        guard let target = slots.baseAddress else { return }
        counts.count(numbers, slots: target)
        countClasses(numbers)
        bits = 0
        bins.removeAll(keepingCapacity: true)
        selectSingles(total: numbers.count, scale)
        selectRanges(total: numbers.count, scale)
        bits *= scale
        bits += Self.rangeBits * Double(bins.count - singles.count) + Self.singleBits * Double(singles.count)
    }

    /// Puts the bins in order and fills `symbols` with the bin of each number.
    func assign(_ numbers: UnsafeBufferPointer<Int64>, symbols: UnsafeMutablePointer<UInt8>) {
        let singleStart = bins.count
        for single in singles {
            bins.append(Bin(lower: counts.number(in: single.slot), width: 0, count: counts.count(in: single.slot)))
        }
        let order = bins.indices.sorted { bins[$0].lower < bins[$1].lower }
        var symbolOfBin = [UInt8](repeating: 0, count: bins.count)
        for (symbol, bin) in order.enumerated() { symbolOfBin[bin] = UInt8(truncatingIfNeeded: symbol) }
        for index in classSymbols.indices { classSymbols[index] = symbolOfBin[Int(classSymbols[index])] }
        for slot in counts.slots {
            slotSymbols[Int(slot)] = classSymbols[Self.classIndex(counts.number(in: slot))]
        }
        for (index, single) in singles.enumerated() {
            slotSymbols[Int(single.slot)] = symbolOfBin[singleStart + index]
        }
        bins = order.map { bins[$0] }
        let (slots, slotSymbols) = (slots, slotSymbols)
        for index in 0..<numbers.count {
            let slot = slots[index]
            symbols[index] =
                slot == ValueCounts.otherSlot
                ? classSymbols[Self.classIndex(numbers[index])] : slotSymbols[Int(slot)]
        }
    }
}

extension BinSelection {
    /// The class of a number: 0 to 7 by itself, above that the quarter of its octave; negative ones mirrored.
    @inline(__always)
    private static func classIndex(_ number: Int64) -> Int {
        let magnitude = UInt64(bitPattern: number ^ (number &>> 63))
        let sign = number < 0 ? classesPerSign : 0
        guard magnitude >= 8 else { return sign &+ Int(truncatingIfNeeded: magnitude) }
        let octave = magnitude.bitWidthUsed
        return sign &+ 4 &* (octave &- 2) &+ Int(truncatingIfNeeded: (magnitude &>> UInt64(octave &- 3)) & 3)
    }

    /// The range of `size` classes from one on: all of an octave, half of it, or one class.
    private static func range(_ index: Int, size: Int, count: Int) -> Bin {
        let isNegative = index >= classesPerSign
        let place = isNegative ? index - classesPerSign : index
        let width = place < 8 ? 0 : place / 4 - 1
        let least = place < 8 ? Int64(place) : Int64(4 + place % 4) << Int64(width)
        let wide = width + size.trailingZeroBitCount
        guard isNegative else { return Bin(lower: least, width: wide, count: count) }
        return Bin(lower: ~(least &+ (1 << Int64(wide) &- 1)), width: wide, count: count)
    }

    private func countClasses(_ numbers: UnsafeBufferPointer<Int64>) {
        classCounts.update(repeating: 0)
        classSymbols.update(repeating: 0)
        var counted = 0
        for slot in counts.slots {
            classCounts[Self.classIndex(counts.number(in: slot))] += counts.count(in: slot)
            counted += counts.count(in: slot)
        }
        guard counted < numbers.count else { return }
        for index in 0..<numbers.count where slots[index] == ValueCounts.otherSlot {
            classCounts[Self.classIndex(numbers[index])] += 1
        }
    }

    /// The first classes of the octaves, of which the lowest two of each sign are small numbers by themselves.
    private static let octaves = Array(stride(from: 0, to: classCount, by: 4))

    private static func octaveWidth(_ start: Int) -> Int { start % classesPerSign / 4 + 1 }

    private static func isSmall(_ start: Int) -> Bool { start % classesPerSign < 8 }

    /// Takes out the numbers that are so frequent that a bin of their own pays.
    private func selectSingles(total: Int, _ scale: Double) {
        singles.removeAll(keepingCapacity: true)
        var binsLeft = SealedFormat.binsMax
        var bitsOfOctave = [Double](repeating: 0, count: Self.classCount / 4)
        for start in Self.octaves {
            let parts = classCounts[start..<(start + 4)]
            let count = parts.reduce(0, +)
            guard count > 0 else { continue }
            binsLeft -= Self.isSmall(start) ? 4 : 1
            bitsOfOctave[start / 4] = Self.information(count, of: total) + Double(Self.octaveWidth(start))
        }
        for slot in counts.slots where counts.count(in: slot) > 2 {
            let place = Self.classIndex(counts.number(in: slot))
            guard place % Self.classesPerSign >= 8 else { continue }
            let count = counts.count(in: slot)
            let gain = Double(count) * scale * (bitsOfOctave[place / 4] - Self.information(count, of: total))
            if gain > Self.singleBits { singles.append(Single(slot: slot, gain: gain)) }
        }
        if singles.count > binsLeft {
            singles.sort { $0.gain > $1.gain }
            singles.removeLast(singles.count - binsLeft)
        }
        for single in singles {
            let count = counts.count(in: single.slot)
            classCounts[Self.classIndex(counts.number(in: single.slot))] -= count
            bits += Double(count) * Self.information(count, of: total)
        }
    }

    /// Makes ranges of what is left: an octave in one piece, in halves or in quarters.
    private func selectRanges(total: Int, _ scale: Double) {
        var binsLeft = SealedFormat.binsMax - singles.count
        for start in Self.octaves where classCounts[start..<(start + 4)].contains(where: { $0 > 0 }) {
            binsLeft -= Self.isSmall(start) ? 4 : 1
        }
        for start in Self.octaves {
            if Self.isSmall(start) {
                for index in start..<(start + 4) { appendRange(index, size: 1, total) }
                continue
            }
            var best = (size: 4, bits: rangeBits(start, size: 4, total, scale))
            for size in [2, 1] where best.bits > 0 && binsLeft >= 4 / size - 1 {
                let bits = rangeBits(start, size: size, total, scale)
                if bits < best.bits { best = (size, bits) }
            }
            if best.bits > 0 { binsLeft -= 4 / best.size - 1 }
            for index in stride(from: start, to: start + 4, by: best.size) {
                appendRange(index, size: best.size, total)
            }
        }
    }

    /// What the numbers of an octave take, and their bins, in pieces of `size` classes.
    private func rangeBits(_ start: Int, size: Int, _ total: Int, _ scale: Double) -> Double {
        var bits = 0.0
        for index in stride(from: start, to: start + 4, by: size) {
            let count = classCounts[index..<(index + size)].reduce(0, +)
            guard count > 0 else { continue }
            let width = Double(Self.octaveWidth(start) - 2 + size.trailingZeroBitCount)
            bits += Double(count) * scale * (Self.information(count, of: total) + width) + Self.rangeBits
        }
        return bits
    }

    private func appendRange(_ index: Int, size: Int, _ total: Int) {
        let count = classCounts[index..<(index + size)].reduce(0, +)
        guard count > 0 else { return }
        let bin = Self.range(index, size: size, count: count)
        for place in index..<(index + size) { classSymbols[place] = UInt8(truncatingIfNeeded: bins.count) }
        bits += Double(count) * (Self.information(count, of: total) + Double(bin.width))
        bins.append(bin)
    }

    /// The information of one of `count` among `total`, in bits.
    private static func information(_ count: Int, of total: Int) -> Double {
        log2(Double(total)) - log2(Double(count))
    }

    /// The binary logarithm of a number of at least 1, to within a hundredth: it only compares sizes.
    private static func log2(_ number: Double) -> Double {
        let fraction = number.significand - 1
        return Double(number.exponent) + fraction + 0.344 * fraction * (1 - fraction)
    }
}
