/// Numbers names in the order in which they are first seen.
///
/// Lookups neither allocate nor make strings.
struct NameTable {
    private var slots: [Int32]
    private var hashes: [UInt64] = []
    private var ranges: [Range<Int>] = []
    private var bytes: [UInt8] = []

    init() {
        slots = Array(repeating: -1, count: 256)
    }

    /// The number of `name`, and whether it was seen for the first time.
    @inline(__always)
    mutating func index(of name: UnsafeRawBufferPointer) -> (index: Int, isNew: Bool) {
        let hash = Self.hash(name)
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while true {
            let index = Int(slots[slot])
            if index < 0 { return (insert(name, hash, slot), true) }
            if hashes[index] == hash, matches(name, ranges[index]) { return (index, false) }
            slot = (slot + 1) & (slots.count - 1)
        }
    }

    @inline(__always)
    private func matches(_ name: UnsafeRawBufferPointer, _ range: Range<Int>) -> Bool {
        guard name.count == range.count else { return false }
        return bytes.withUnsafeBytes { stored in
            for offset in 0..<name.count where name[offset] != stored[range.lowerBound + offset] { return false }
            return true
        }
    }

    private mutating func insert(_ name: UnsafeRawBufferPointer, _ hash: UInt64, _ slot: Int) -> Int {
        let index = ranges.count
        hashes.append(hash)
        ranges.append(bytes.count..<(bytes.count + name.count))
        bytes.append(contentsOf: name)
        slots[slot] = Int32(index)
        if ranges.count * 2 > slots.count { grow() }
        return index
    }

    private mutating func grow() {
        slots = Array(repeating: -1, count: slots.count * 2)
        for (index, hash) in hashes.enumerated() {
            var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
            while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = Int32(index)
        }
    }

    /// FNV-1a, 64 bits (Fowler, Noll, Vo), folded so that its upper half decides too.
    ///
    /// Names are short.
    @inline(__always)
    private static func hash(_ name: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        return hash ^ (hash >> 32)
    }
}
