import MarketData

/// How many records were read and rejected within a window of the time of receipt that slides in 64 steps.
struct RejectWindow: Sendable {
    private struct Slot {
        var step: Int64 = -1
        var count: Int64 = 0
        var rejected: Int64 = 0
    }

    private static let steps: Int64 = 64

    private let length: Int64
    private var slots = Array(repeating: Slot(), count: Int(steps))
    private var newest: Int64 = -1

    init(length: Duration) {
        self.length = length.wholeNanoseconds / Self.steps
    }

    /// Adds records and gives what is in the window with them; records from before it, or before 1970, are left out.
    mutating func add(count: Int64, rejected: Int64, at time: Timestamp) -> (count: Int64, rejected: Int64) {
        let step = time.nanoseconds / length
        // The clock was set back by more than the window: what was counted before is not of the same time.
        if step <= newest - Self.steps {
            for index in slots.indices { slots[index] = Slot() }
            newest = step
        }
        newest = max(newest, step)
        if time.nanoseconds >= 0 {
            let index = Int(step % Self.steps)
            if slots[index].step != step { slots[index] = Slot(step: step) }
            slots[index].count = Self.sum(slots[index].count, max(0, count))
            slots[index].rejected = Self.sum(slots[index].rejected, max(0, min(count, rejected)))
        }
        var sums = (count: Int64(0), rejected: Int64(0))
        for slot in slots where slot.step > newest - Self.steps && slot.step <= newest {
            sums.count = Self.sum(sums.count, slot.count)
            sums.rejected = Self.sum(sums.rejected, slot.rejected)
        }
        return sums
    }

    private static func sum(_ left: Int64, _ right: Int64) -> Int64 {
        let (sum, overflow) = left.addingReportingOverflow(right)
        return overflow ? .max : sum
    }
}
