import SimulatedStore
import Testing

@testable import TickCodec

/// Series of integers of sealed blocks.
@Suite struct SeriesTests {
    private let encoder = SeriesEncoder(capacity: SealedBlockEncoder.eventsMax)
    private let decoder = SeriesDecoder()

    private func encode(_ values: [Int64]) -> [UInt8] {
        var writer = ByteWriter()
        values.withUnsafeBufferPointer { encoder.encode($0, into: &writer) }
        return writer.bytes
    }

    /// The values and how many bytes are left behind them.
    private func decode(_ bytes: [UInt8], _ count: Int) throws(BlockError) -> (values: [Int64], rest: Int) {
        var values = [Int64](repeating: 99, count: count)
        let result = bytes.withUnsafeBytes { bytes in
            values.withUnsafeMutableBufferPointer { target in
                Result<Int, BlockError> { () throws(BlockError) in
                    var reader = ByteReader(bytes, column: 1)
                    try decoder.decode(from: &reader, into: target)
                    return reader.remaining
                }
            }
        }
        return (values, try result.get())
    }

    @discardableResult
    private func check(_ values: [Int64], _ hint: Comment? = nil) throws -> SealedFormat.Form {
        let bytes = encode(values)
        let decoded = try decode(bytes, values.count)
        #expect(decoded.values == values, hint)
        #expect(decoded.rest == 0, hint)
        return try #require(SealedFormat.Form(rawValue: bytes[0]))
    }

    @Test func constantsTakeAFewBytes() throws {
        for value in [0, -1, 63, Int64.min, .max] {
            for count in [1, 2, 300, 16_384] {
                let bytes = encode([Int64](repeating: value, count: count))
                #expect(bytes.count <= 12)
                try check([Int64](repeating: value, count: count))
            }
        }
    }

    @Test func regularNumbersTakeAFewBytes() throws {
        let rising = (0..<16_384).map { 5_266_583_935 + Int64($0) }
        #expect(try check(rising).order == 1)
        #expect(encode(rising).count < 16)
        let accelerating = (0..<16_384).map { Int64($0) * Int64($0) * 500 }
        #expect(try check(accelerating).order == 2)
        #expect(encode(accelerating).count < 20)
    }

    @Test func whatAllNumbersHaveInCommonIsDividedOut() throws {
        var generator = SplitMix64(seed: 1)
        for divisor in [2, 3, 1_000_000, 1 << 40, Int64.max / 4] {
            let values = (0..<2_000).map { _ in 17 &+ divisor &* Int64(generator.nextIndex(below: 3)) }
            #expect(try check(values).hasDivisor, "\(divisor)")
            #expect(encode(values).count < 2_000 / 4 + 80, "\(divisor)")
        }
    }

    @Test func rareSymbolsTakeLittle() throws {
        // One in a hundred has 0.081 bits of information.
        var generator = SplitMix64(seed: 2)
        let values = (0..<16_384).map { _ in Int64(generator.nextIndex(below: 100) == 0 ? 1 : 0) }
        #expect(try check(values).hasBins)
        #expect(encode(values).count < 16_384 * 85 / 8_000 + 40)
    }

    /// Every combination of what a series may hold is written for some numbers.
    @Test func everyFormIsChosen() throws {
        var forms: Set<UInt8> = []
        for order in 0...2 {
            for divisor in [1, 1_000] as [Int64] {
                for spread in [1, 40] {
                    var generator = SplitMix64(seed: UInt64(order))
                    var values = (0..<4_000).map { _ in
                        // Numbers that are alike often, or all equally likely.
                        divisor &* Int64(generator.nextIndex(below: generator.nextIndex(below: spread) == 0 ? 32 : 2))
                    }
                    for _ in 0..<order {
                        for index in 1..<values.count { values[index] &+= values[index - 1] }
                    }
                    let form = try check(values)
                    #expect(form.order == order)
                    #expect(form.hasDivisor == (divisor > 1))
                    #expect(form.hasBins == (spread > 1))
                    forms.insert(form.rawValue)
                }
            }
        }
        #expect(forms.count == 12)
    }

    @Test(arguments: 0...64)
    func everyWidth(width: Int) throws {
        var generator = SplitMix64(seed: UInt64(width))
        func bits(_ width: Int) -> Int64 { width == 0 ? 0 : Int64(bitPattern: generator.next() >> UInt64(64 - width)) }
        for count in [1, 2, 3, 4, 5, 64, 500, 3_000] {
            for base in [0, Int64.min, .max, -1] {
                let values = (0..<count).map { _ in base &+ bits(width) }
                try check(values)
                // The same as outliers among numbers that are alike, and added up.
                let mixed = values.map { generator.nextIndex(below: 8) == 0 ? $0 : 5 }
                try check(mixed)
                var sum = base
                let sums = mixed.map { value in
                    sum &+= value
                    return sum
                }
                try check(sums)
            }
        }
    }

    @Test func widthsOfBinsReachTheWholeNumber() throws {
        var generator = SplitMix64(seed: 3)
        let values = (0..<9_000).map { index in
            index % 3 == 0 ? Int64(bitPattern: generator.next() >> UInt64(index % 64)) : 0
        }
        #expect(try check(values).hasBins)
        #expect(try check(values.map { ~$0 }).hasBins)
    }

    @Test func moreDistinctNumbersThanAreCounted() throws {
        var generator = SplitMix64(seed: 4)
        let values = (0..<60_000).map { index in
            index % 2 == 0 ? Int64(bitPattern: generator.next()) >> 20 : Int64(index % 7)
        }
        #expect(try check(values).hasBins)
    }

    /// Numbers of every size, each so often that ranges and single numbers together exceed what a byte can tell apart.
    @Test func moreBinsThanThereMayBe() throws {
        var generator = SplitMix64(seed: 5)
        var values: [Int64] = []
        for octave in 0..<63 {
            for sign in [1, -1] as [Int64] {
                let base = Int64(1) << Int64(octave)
                for single in 0..<4 { values += [Int64](repeating: sign &* (base &+ Int64(single) * 3), count: 20) }
                values += (0..<40).map { _ in sign &* (base | Int64(bitPattern: generator.next()) & (base - 1) >> 2) }
            }
        }
        for index in values.indices.dropFirst() { values.swapAt(index, generator.nextIndex(below: index)) }
        #expect(values.count < SealedBlockEncoder.eventsMax)
        #expect(try check(values).hasBins)
        #expect(encode(values)[1] > 240, "nearly all of the 256 bins that a byte can number")
    }

    @Test func damageGivesValuesOrAnError() {
        var generator = SplitMix64(seed: 6)
        let counts = [1, 2, 7, 129, 700]
        let series = (0..<60).map { seed -> [Int64] in
            let width = UInt64(1 + generator.nextIndex(below: 63))
            return (0..<counts[seed % counts.count]).map { _ in
                generator.nextIndex(below: 4) == 0 ? Int64(bitPattern: generator.next() >> width) : 12_000
            }
        }
        let encoded = series.map(encode)
        var (sound, refused) = (0, 0)
        for _ in 0..<40_000 {
            let pick = generator.nextIndex(below: series.count)
            var bytes = encoded[pick]
            for _ in 0...generator.nextIndex(below: 3) {
                let place = generator.nextIndex(below: min(bytes.count, 60))
                switch generator.nextIndex(below: 4) {
                case 0: bytes[place] ^= 1 << UInt8(generator.nextIndex(below: 8))
                case 1: bytes[place] = UInt8(truncatingIfNeeded: generator.next())
                case 2: bytes.insert(UInt8(truncatingIfNeeded: generator.next()), at: place)
                default: if bytes.count > 1 { bytes.remove(at: place) }
                }
            }
            do throws(BlockError) {
                let decoded = try decode(bytes, series[pick].count)
                #expect(decoded.values.count == series[pick].count)
                sound += 1
            } catch {
                #expect(error.code == .malformedColumn || error.code == .truncated)
                refused += 1
            }
        }
        #expect(sound > 2_000 && refused > 2_000, "\(sound) sound, \(refused) refused")
    }
}

@Suite struct ANSCodingTests {
    @Test(arguments: [2, 3, 4, 17, 255, 256])
    func frequenciesAddUpAndNoneIsZero(symbols: Int) {
        var generator = SplitMix64(seed: UInt64(symbols))
        for _ in 0..<200 {
            let counts = (0..<symbols).map { _ in 1 + generator.nextIndex(below: 1 << generator.nextIndex(below: 20)) }
            let frequencies = ANSCoding.Frequencies(counts: counts)
            #expect(frequencies.precision <= SealedFormat.precisionMax)
            #expect(frequencies.values.reduce(0, +) == 1 << UInt32(frequencies.precision))
            #expect(!frequencies.values.contains(0))
        }
    }

    @Test func oneSymbolThatIsNearlyAll() {
        let frequencies = ANSCoding.Frequencies(counts: [1, 1_000_000])
        #expect(frequencies.values == [1, 4_095])
    }
}
