/// Asymmetric numeral systems (rANS) with four interleaved states: symbols of one byte in about their entropy.
///
/// A state is at least 2^16 and below 2^32; where it would leave that range, 16 bits move to or from a stream of words.
enum ANSCoding {
    static let laneCount = 4
    /// Where every state begins when writing, and so ends when reading.
    static let initialState: UInt32 = 1 << 16

    /// The share of each symbol, in parts of 2^`precision`.
    struct Frequencies {
        let precision: Int
        let values: [UInt32]

        /// Shares of symbols that were counted; none is zero.
        init(counts: [Int]) {
            let total = counts.reduce(0, +)
            let needed = UInt64(counts.count).bitWidthUsed + 1
            precision = min(SealedFormat.precisionMax, max(needed, UInt64(total).bitWidthUsed - 1))
            let sum = 1 << precision
            var values = counts.map { max(1, ($0 * sum + total / 2) / total) }
            // Rounding leaves a little too much or too little, which the most frequent symbols feel least.
            var excess = values.reduce(0, +) - sum
            while excess != 0, let index = values.indices.max(by: { values[$0] < values[$1] }) {
                let change = excess > 0 ? min(excess, (values[index] + 3) / 4) : excess
                values[index] -= change
                excess -= change
            }
            self.values = values.map { UInt32($0) }
        }

        init(precision: Int, values: [UInt32]) {
            self.precision = precision
            self.values = values
        }
    }
}

extension ANSCoding {
    /// Writes symbols from the last to the first and answers the states.
    ///
    /// The words end at the end of `words`, which has room for one per symbol; `firstWord` is where they begin.
    static func encode(
        _ symbols: UnsafeBufferPointer<UInt8>,
        _ frequencies: Frequencies,
        words: UnsafeMutableBufferPointer<UInt16>
    ) -> (states: [UInt32], firstWord: Int) {
        var starts: [UInt32] = []
        var sum: UInt32 = 0
        for frequency in frequencies.values {
            starts.append(sum)
            sum += frequency
        }
        let precision = UInt32(frequencies.precision)
        var states = [UInt32](repeating: initialState, count: laneCount)
        var next = words.count
        frequencies.values.withUnsafeBufferPointer { values in
            starts.withUnsafeBufferPointer { starts in
                states.withUnsafeMutableBufferPointer { states in
                    for index in stride(from: symbols.count - 1, through: 0, by: -1) {
                        let frequency = values[Int(symbols[index])]
                        var state = states[index & (laneCount - 1)]
                        if UInt64(state) >= UInt64(frequency) &<< UInt64(32 - precision) {
                            next -= 1
                            words[next] = UInt16(truncatingIfNeeded: state)
                            state &>>= 16
                        }
                        let (quotient, remainder) = state.quotientAndRemainder(dividingBy: frequency)
                        states[index & (laneCount - 1)] =
                            quotient &<< precision &+ remainder &+ starts[Int(symbols[index])]
                    }
                }
            }
        }
        return (states, next)
    }
}

extension ANSCoding {
    /// What each part of 2^precision means: symbol, frequency of the symbol, and place among its parts, in one word.
    struct DecodingTable {
        private let entries = UnsafeMutablePointer<UInt32>.allocate(capacity: 1 << SealedFormat.precisionMax)
        private var precision = 0

        static func symbol(_ entry: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: entry) }

        func deallocate() { entries.deallocate() }

        /// Takes frequencies of at most 256 symbols that add up to two to the power of their precision.
        mutating func fill(_ frequencies: Frequencies) {
            precision = frequencies.precision
            var next = 0
            for (symbol, frequency) in frequencies.values.enumerated() {
                for part in 0..<frequency {
                    entries[next] = UInt32(symbol) | frequency &<< 8 | part &<< 20
                    next += 1
                }
            }
        }

        /// Reads symbols, or answers false where the words are not what an encoder writes.
        ///
        /// `words` holds `wordCount` words and is readable for as many more as there are symbols.
        func decode(
            into symbols: UnsafeMutableBufferPointer<UInt8>,
            states: (UInt32, UInt32, UInt32, UInt32),
            words: UnsafePointer<UInt16>,
            wordCount: Int
        ) -> Bool {
            var (first, second, third, fourth) = states
            var word = words
            let whole = symbols.count & ~3
            var index = 0
            while index < whole {
                symbols[index] = step(&first, &word)
                symbols[index &+ 1] = step(&second, &word)
                symbols[index &+ 2] = step(&third, &word)
                symbols[index &+ 3] = step(&fourth, &word)
                index &+= 4
            }
            if index < symbols.count { symbols[index] = step(&first, &word) }
            if index + 1 < symbols.count { symbols[index + 1] = step(&second, &word) }
            if index + 2 < symbols.count { symbols[index + 2] = step(&third, &word) }
            let isAtEnd = word - words == wordCount
            return isAtEnd && [first, second, third, fourth].allSatisfy { $0 == initialState }
        }

        @inline(__always)
        private func step(_ state: inout UInt32, _ word: inout UnsafePointer<UInt16>) -> UInt8 {
            let shift = UInt32(truncatingIfNeeded: precision)
            let entry = entries[Int(state & ((1 &<< shift) &- 1))]
            let next = ((entry &>> 8) & 0xFFF) &* (state &>> shift) &+ (entry &>> 20)
            // No branch: whether a word is taken cannot be foreseen.
            let takes = next < initialState
            state = takes ? next &<< 16 | UInt32(UInt16(littleEndian: word.pointee)) : next
            word += takes ? 1 : 0
            return UInt8(truncatingIfNeeded: entry)
        }
    }
}
