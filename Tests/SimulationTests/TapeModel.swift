import Ingest
import MarketData
import TickStore

/// An event as both the model and the store tell it.
struct PlainEvent: Hashable, CustomStringConvertible {
    /// Only the model knows it: blocks keep bounds of positions.
    var line: Int64?
    var eventTime: Int64
    var receiptTime: Int64
    var sequence: Int64
    var values: [ExactDecimal]
    var id: String
    var side: Side
    var flags: UInt32
    /// Only the model knows it: the same trade of the same stream was there before, so sealing may leave this one out.
    var isRepetition: Bool?

    /// The event without what only the model knows.
    var asStored: PlainEvent {
        var event = self
        event.line = nil
        event.isRepetition = nil
        return event
    }

    var description: String {
        "line \(line ?? -1) time \(eventTime) receipt \(receiptTime) seq \(sequence) values \(values) "
            + "id \(id.prefix(12)) side \(side) flags \(EventFlags(rawValue: flags).setNames)"
    }
}

/// A hole as both the model and the store tell it.
struct PlainGap: Hashable {
    var stream: String
    var after: Int64
    var before: Int64
    var missing: Int64
}

/// What a tape must come to: computed from its records, line by line, with sets and lists and without looking at
/// how the product does it.
struct TapeModel {
    private(set) var events: [String: [PlainEvent]] = [:]
    private(set) var rejects: [Int64: String] = [:]
    private(set) var gaps: [PlainGap] = []
    private(set) var counts = ReplayCounts()
    private(set) var lineCount: Int64 = 0

    private var streams: [String: StreamModel] = [:]
    /// Whether a trade comes twice, under the same identifier.
    var hasRepetitions: Bool { events.values.contains { $0.contains { $0.isRepetition == true } } }

    private var trades = Set<String>()
    private var prices: [String: (reference: Int64, run: Int)] = [:]
    let kind: EventKind

    init(_ tape: SimulatedTape) {
        kind = tape.kind
        for line in tape.lines {
            if case .record(let record) = line { add(record) }
            lineCount += 1
        }
        for (name, stream) in streams {
            for hole in stream.holes {
                let missing = Int64(hole.missing.count)
                gaps.append(PlainGap(stream: name, after: hole.after, before: hole.before, missing: missing))
            }
        }
    }

    /// For each instrument and window, the greatest position before a line.
    func positions(before line: Int64) -> [String: Int64] {
        var positions: [String: Int64] = [:]
        for (symbol, list) in events {
            for event in list {
                guard let place = event.line, place < line else { continue }
                let window = kind.windowStart(of: Timestamp(nanoseconds: event.eventTime))
                let position = TapePosition(line: place, event: 0).rawValue
                positions["\(SimulatedTape.venue):\(symbol)|\(window)", default: .min].raise(to: position)
            }
        }
        return positions
    }

    private mutating func add(_ record: TapeRecord) {
        counts.records += 1
        counts.events[kind.name, default: 0] += 1
        if let rule = rule(record) {
            rejects[lineCount] = rule
            counts.rejected[rule, default: 0] += 1
            counts.rejectedEvents += 1
            // The number of a record that says what it is has arrived, though its event is impossible.
            if rule != "malformed", rule != "missing_field", let number = record.sequence {
                streams[record.stream, default: StreamModel()].seeRejected(number)
            }
            return
        }
        let time = record.milliseconds * 1_000_000
        var stream = streams[record.stream] ?? StreamModel()
        defer { streams[record.stream] = stream }
        var flags: EventFlags = []
        if let number = record.sequence {
            switch stream.see(number, time: time) {
            case .repeated: return
            case .restarted: flags.insert(.sequenceReset)
            case .fresh: break
            }
        } else if let number = record.id.flatMap({ Int64($0) }), kind == .trade {
            guard stream.seeIncreasing(number) else { return }
        }
        if stream.newest - time > 1_000_000_000 { flags.insert(.outOfOrder) }
        stream.newest = max(stream.newest, time)
        add(record, time, flags)
    }

    private mutating func add(_ record: TapeRecord, _ time: Int64, _ flags: EventFlags) {
        var flags = flags
        if kind == .trade {
            if record.size == 0 { flags.insert(.zeroSize) }
            if isOffMarket(record) { flags.insert(.offMarket) }
        } else if record.spread <= 0 {
            flags.insert(record.spread < 0 ? .crossed : .locked)
        }
        for name in flags.setNames { counts.flagged[name, default: 0] += 1 }
        counts.lastEventTime = max(counts.lastEventTime, time)
        let size = ExactDecimal(mantissa: record.size, exponent: 0)
        var values = [ExactDecimal(mantissa: record.cents, exponent: -2), size]
        if kind == .quote { values.append(ExactDecimal(mantissa: record.cents + record.spread, exponent: -2)) }
        var event = PlainEvent(
            line: lineCount,
            eventTime: time,
            receiptTime: record.receiptMilliseconds.map { $0 * 1_000_000 } ?? .min,
            sequence: record.sequence ?? .min,
            values: values,
            id: kind == .trade ? record.id ?? "" : "",
            side: kind == .trade ? record.side : .unknown,
            flags: flags.rawValue
        )
        if !event.id.isEmpty, isRepetition(event, record), !flags.contains(.sequenceReset) { event.isRepetition = true }
        events[record.symbol, default: []].append(event)
    }

    /// Whether a trade with the same identifier, and the same in all that the venue says, came in the same stream.
    private mutating func isRepetition(_ event: PlainEvent, _ record: TapeRecord) -> Bool {
        var identity = event.asStored
        identity.line = nil
        identity.receiptTime = 0
        identity.flags = 0
        return !trades.insert("\(record.symbol) \(record.stream) \(identity)").inserted
    }

    private func rule(_ record: TapeRecord) -> String? {
        switch record.fault {
        case nil: nil
        case .malformed: "malformed"
        case .missingPrice: kind == .trade ? "missing_field" : "empty_quote"
        case .zeroPrice: "price_not_positive"
        case .negativeSize: "size_negative"
        }
    }

    /// A trade more than a tenth away from the last regular price; the fifth in a row makes a new level.
    private mutating func isOffMarket(_ record: TapeRecord) -> Bool {
        guard var state = prices[record.symbol] else {
            prices[record.symbol] = (record.cents, 0)
            return false
        }
        defer { prices[record.symbol] = state }
        let isOff = abs(record.cents - state.reference) * 10 > state.reference
        state.run = isOff ? state.run + 1 : 0
        if !isOff || state.run == 5 { state = (record.cents, 0) }
        return isOff
    }
}

/// A naive follower of one stream: it remembers every number.
private struct StreamModel {
    enum Sight {
        case fresh
        case repeated
        case restarted
    }

    struct Hole {
        let after: Int64
        let before: Int64
        let numbering: Int
        var missing: Set<Int64>
    }

    var newest = Int64.min / 2
    private(set) var holes: [Hole] = []
    private var seen = Set<Int64>()
    private var awaited = Set<Int64>()
    private var numbering = 0
    private var increasing: [Int64] = []

    mutating func see(_ number: Int64, time: Int64?) -> Sight {
        guard let last = seen.max(), let first = seen.min() else {
            seen = [number]
            return .fresh
        }
        if number > last {
            open(last, number)
        } else if let hole = holes.firstIndex(where: { $0.numbering == numbering && $0.missing.contains(number) }) {
            holes[hole].missing.remove(number)
        } else if awaited.remove(number) == nil {
            if let time, time > newest {
                numbering += 1
                seen = [number]
                awaited = []
                return .restarted
            }
            guard number < first, time != nil else { return .repeated }
            open(number, first)
        }
        seen.insert(number)
        return .fresh
    }

    /// A number whose event was rejected has come; the event itself may still come as it should be.
    mutating func seeRejected(_ number: Int64) {
        if see(number, time: nil) != .repeated { awaited.insert(number) }
    }

    private mutating func open(_ after: Int64, _ before: Int64) {
        guard after + 1 < before else { return }
        let missing = Set((after + 1)..<before)
        holes.append(Hole(after: after, before: before, numbering: numbering, missing: missing))
    }

    /// A number repeats if it is among those that came last.
    mutating func seeIncreasing(_ number: Int64) -> Bool {
        guard !increasing.suffix(16).contains(number) else { return false }
        increasing.append(number)
        return true
    }
}

extension Int64 {
    fileprivate mutating func raise(to other: Int64) { self = Swift.max(self, other) }
}
