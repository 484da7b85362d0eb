import MarketData

/// The lowest and the highest price of a window that slides with the time of events.
///
/// Events that are late go where they belong, those from before the window are left out. Where nothing but such events
/// has been received for the length of a window, its content comes from another clock, or from before a restart of the
/// venue's: it begins anew with the next of them.
struct SlidingExtremes: Sendable {
    private let length: Int64
    private var newestTime: Int64 = 0
    private var newestReceipt: Int64 = 0
    private var lows: ExtremeQueue
    private var highs: ExtremeQueue
    /// The price with the greatest time of event, and of several the one that was received last; absent at first.
    private(set) var newest = ExactDecimal.absent

    init(length: Duration) {
        self.length = length.wholeNanoseconds
        lows = ExtremeQueue(keepsLowest: true, slot: self.length / 64 + 1)
        highs = ExtremeQueue(keepsLowest: false, slot: self.length / 64 + 1)
    }

    /// The lowest and the highest price; absent where there is none.
    var lowest: ExactDecimal { lows.first }
    var highest: ExactDecimal { highs.first }

    /// Takes a price in; nothing where it is from before the window.
    @inline(__always)
    mutating func add(_ price: ExactDecimal, at time: Int64, received receipt: Int64) {
        if time < newestTime - length {
            guard receipt - newestReceipt > length else { return }
            lows.removeAll()
            highs.removeAll()
            newestTime = 0
        }
        if time >= newestTime {
            newestTime = time
            newestReceipt = receipt
            newest = price
            lows.removeAll(before: time - length)
            highs.removeAll(before: time - length)
        }
        lows.insert(price, at: time)
        highs.insert(price, at: time)
    }
}

/// The prices that are, or may become, the extreme one of a window: each is more extreme than all later ones.
///
/// A price that moves in one direction only would keep all its samples, so their number has a bound. When that is
/// reached, those of the same 64th of the window become one: the most extreme price, at the time of the last. A price
/// may then count for up to a 64th of the window longer than it should; a move is found a little generously, never
/// missed.
struct ExtremeQueue: Sendable {
    private struct Sample {
        var price: ExactDecimal
        var time: Int64
    }

    /// Twice the samples that coarsening leaves, so that it is rare.
    static let samplesMax = 130

    private let keepsLowest: Bool
    private let slot: Int64
    /// In the order of time, the first `head` of them left behind.
    private var samples: [Sample] = []
    private var head = 0

    init(keepsLowest: Bool, slot: Int64) {
        self.keepsLowest = keepsLowest
        self.slot = slot
    }

    /// The most extreme price; absent where there is none.
    var first: ExactDecimal { head < samples.count ? samples[head].price : .absent }

    /// How many samples are held.
    var count: Int { samples.count - head }

    mutating func removeAll() {
        samples.removeAll(keepingCapacity: true)
        head = 0
    }

    /// Forgets the samples from before a time.
    @inline(__always)
    mutating func removeAll(before time: Int64) {
        while head < samples.count, samples[head].time < time { head += 1 }
        if head == samples.count {
            removeAll()
        } else if head >= Self.samplesMax {
            samples.removeFirst(head)
            head = 0
        }
    }

    @inline(__always)
    mutating func insert(_ price: ExactDecimal, at time: Int64) {
        var place = samples.count
        while place > head, samples[place - 1].time > time { place -= 1 }
        // A later sample that is as extreme outlives this one.
        if place < samples.count, !isMoreExtreme(price, than: samples[place].price) { return }
        // This one outlives earlier samples that are no more extreme.
        var kept = place
        while kept > head, !isMoreExtreme(samples[kept - 1].price, than: price) { kept -= 1 }
        let sample = Sample(price: price, time: time)
        if kept < place {
            samples[kept] = sample
            if kept + 1 < place { samples.removeSubrange((kept + 1)..<place) }
            return
        }
        if count >= Self.samplesMax {
            coarsen()
            insertAfterCoarsening(sample)
        } else if place == samples.count {
            samples.append(sample)
        } else {
            samples.insert(sample, at: place)
        }
    }

    @inline(__always)
    private func isMoreExtreme(_ left: ExactDecimal, than right: ExactDecimal) -> Bool {
        keepsLowest ? left < right : right < left
    }

    /// Makes one sample of those in the same slot: with the price of the first, the most extreme one, and the time of
    /// the last.
    @inline(never)
    private mutating func coarsen() {
        var merged: [Sample] = []
        merged.reserveCapacity(Self.samplesMax)
        for sample in samples[head...] {
            if let last = merged.last, last.time / slot == sample.time / slot {
                merged[merged.count - 1].time = sample.time
            } else {
                merged.append(sample)
            }
        }
        samples = merged
        head = 0
    }

    /// Coarsening may have moved a more extreme price to a later time, so the place is looked for again.
    private mutating func insertAfterCoarsening(_ sample: Sample) {
        var place = samples.count
        while place > 0, samples[place - 1].time > sample.time { place -= 1 }
        if place < samples.count, !isMoreExtreme(sample.price, than: samples[place].price) { return }
        samples.insert(sample, at: place)
    }
}
