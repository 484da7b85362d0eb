/// Random numbers that are the same for the same seed on every machine.
///
/// Source: G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
struct SeededRandom: Sendable {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    /// A generator of its own for one of many that share a seed.
    init(seed: UInt64, stream: Int) {
        var mixed = SeededRandom(seed: seed ^ (UInt64(stream) &* 0xD6E8_FEB8_6659_FD93))
        state = mixed.next()
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, not including, 1.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A number from 0 up to, not including, `bound`.
    mutating func index(below bound: Int) -> Int { Int(next() % UInt64(bound)) }

    mutating func element<Element>(of elements: [Element]) -> Element { elements[index(below: elements.count)] }

    /// Whether something happens that does so with this chance, from 0 to 1.
    mutating func happens(_ chance: Double) -> Bool { unit() < chance }
}
