/// Counts how often each number occurs among many.
///
/// Holds its memory from series to series; used by one task at a time.
final class ValueCounts {
    private static let slotBits = 15
    /// More distinct numbers than this are not told apart.
    private static let distinctMax = 1 << (slotBits - 1)
    /// A range of fewer numbers is counted without hashing; its counts stay in the nearest cache.
    private static let directMax: UInt64 = 1 << 12
    /// The slot of numbers that are not counted each by itself.
    static let otherSlot: UInt16 = 1 << slotBits

    private let keys = UnsafeMutablePointer<Int64>.allocate(capacity: 1 << slotBits)
    private let counts = UnsafeMutablePointer<UInt32>.allocate(capacity: 1 << slotBits)
    private let used = UnsafeMutablePointer<UInt16>.allocate(capacity: distinctMax)
    private var usedCount = 0

    init() {
        counts.initialize(repeating: 0, count: 1 << Self.slotBits)
    }

    deinit {
        keys.deallocate()
        counts.deallocate()
        used.deallocate()
    }

    /// The slots of the numbers that were counted.
    var slots: UnsafeBufferPointer<UInt16> { UnsafeBufferPointer(start: used, count: usedCount) }

    func number(in slot: UInt16) -> Int64 { keys[Int(slot)] }

    func count(in slot: UInt16) -> Int { Int(counts[Int(slot)]) }

    /// Forgets what was counted before, counts these, and fills `slots` with the slot of each.
    func count(_ numbers: UnsafeBufferPointer<Int64>, slots: UnsafeMutablePointer<UInt16>) {
        for index in 0..<usedCount { counts[Int(used[index])] = 0 }
        usedCount = 0
        let (least, greatest) = numbers.bounds
        if UInt64(bitPattern: greatest &- least) < Self.directMax {
            countDirectly(numbers, from: least, slots: slots)
        } else {
            countByHash(numbers, slots: slots)
        }
    }

    /// Numbers that lie near each other have the slot of their distance from the least: nothing is looked for.
    private func countDirectly(
        _ numbers: UnsafeBufferPointer<Int64>,
        from least: Int64,
        slots: UnsafeMutablePointer<UInt16>
    ) {
        let (keys, counts, used) = (keys, counts, used)
        var usedCount = 0
        for index in 0..<numbers.count {
            let number = numbers[index]
            let slot = Int(truncatingIfNeeded: number &- least)
            if counts[slot] == 0 {
                keys[slot] = number
                used[usedCount] = UInt16(truncatingIfNeeded: slot)
                usedCount &+= 1
            }
            counts[slot] &+= 1
            slots[index] = UInt16(truncatingIfNeeded: slot)
        }
        self.usedCount = usedCount
    }

    private func countByHash(_ numbers: UnsafeBufferPointer<Int64>, slots: UnsafeMutablePointer<UInt16>) {
        // A table no larger than is needed stays in the cache.
        let bits = min(Self.slotBits, max(6, UInt64(numbers.count).bitWidthUsed + 1))
        let mask = 1 << bits - 1
        let (keys, counts, used) = (keys, counts, used)
        var usedCount = 0
        defer { self.usedCount = usedCount }
        for index in 0..<numbers.count {
            let number = numbers[index]
            let hash = UInt64(bitPattern: number) &* 0x9E37_79B9_7F4A_7C15
            var slot = Int(truncatingIfNeeded: hash &>> UInt64(64 - bits))
            while counts[slot] != 0, keys[slot] != number { slot = (slot &+ 1) & mask }
            if counts[slot] == 0 {
                guard usedCount < Self.distinctMax else {
                    slots[index] = Self.otherSlot
                    continue
                }
                keys[slot] = number
                used[usedCount] = UInt16(truncatingIfNeeded: slot)
                usedCount &+= 1
            }
            counts[slot] &+= 1
            slots[index] = UInt16(truncatingIfNeeded: slot)
        }
    }
}

extension UnsafeBufferPointer<Int64> {
    /// The least and the greatest of at least one number.
    var bounds: (least: Int64, greatest: Int64) {
        var (least, greatest) = (self[0], self[0])
        for number in self {
            least = Swift.min(least, number)
            greatest = Swift.max(greatest, number)
        }
        return (least, greatest)
    }
}
