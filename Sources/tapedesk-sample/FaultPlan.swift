/// A fault that the generator knows how to inject.
enum Fault: String, CaseIterable {
    /// The same line again, a little later.
    case duplicate
    /// Sequence numbers that never come.
    case gap
    /// An event time ten seconds before its neighbours.
    case late
    /// A trade whose price is zero.
    case zeroPrice
    /// A trade whose size is below zero.
    case negativeSize
    /// A trade without the time field.
    case missingTime
    /// A line that breaks off in the middle.
    case malformed

    /// How many of this kind 250,000 events get.
    fileprivate var countPerQuarterMillion: Int {
        switch self {
        case .duplicate: 120
        case .gap: 15
        case .late: 40
        case .zeroPrice: 25
        case .negativeSize: 20
        case .missingTime: 15
        case .malformed: 10
        }
    }
}

/// Which fault comes at which event: spread evenly, never two at the same event, the same for the same number of
/// events.
struct FaultPlan {
    /// Fewer events than this have no room for faults.
    static let fewestEvents = 2_000

    /// Faults and the events they are due at, last one first.
    private var due: [(event: Int, fault: Fault)] = []

    /// A plan without any fault.
    init() {}

    init(events: Int) {
        // Faults keep clear of both ends, so that a gap has something before it and a duplicate still fits in.
        let first = events / 50
        let usable = events - 2 * first
        var taken: Set<Int> = []
        for (ordinal, fault) in Fault.allCases.enumerated() {
            let count = max(1, fault.countPerQuarterMillion * events / 250_000)
            for index in 0..<count {
                var event = first + (usable * (2 * index + 1)) / (2 * count) + ordinal * 3
                while !taken.insert(event).inserted {
                    event += 1
                }
                due.append((event, fault))
            }
        }
        due.sort { $0.event > $1.event }
    }

    /// The fault that waits at this event, if any; it stays in the plan until ``removeNext()``.
    func next(at event: Int) -> Fault? {
        guard let last = due.last, last.event <= event else { return nil }
        return last.fault
    }

    /// Forgets the fault that was just injected.
    mutating func removeNext() {
        _ = due.popLast()
    }
}
