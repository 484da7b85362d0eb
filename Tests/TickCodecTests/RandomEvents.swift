import MarketData
import SimulatedStore
import TickCodec

/// Events of one kind with the texts of their identifiers.
struct EventList {
    let kind: EventKind
    var events: [MarketEvent] = []
    var texts = TextPool()

    /// The events in the order of sealed blocks; those of one time stay in theirs.
    var inOrderOfTime: EventList {
        var list = self
        list.events.sort { ($0.eventTime.nanoseconds, $0.position) < ($1.eventTime.nanoseconds, $1.position) }
        return list
    }

    /// Encodes the events as they stand.
    func blocks(sealed: Bool) -> [BlockEncoder.Block] {
        events.withUnsafeBufferPointer {
            sealed
                ? SealedBlockEncoder().encode($0, kind: kind, texts: texts)
                : BlockEncoder().encode($0, kind: kind, texts: texts)
        }
    }

    var rows: [EventRow] { events.map { EventRow($0, texts) } }
}

/// Makes random events.
///
/// Each list draws, column by column, whether values are there and how they run.
struct RandomEvents {
    private enum Presence: CaseIterable {
        case never, always, sometimes
    }

    /// How the values of one column run.
    private enum Course: CaseIterable {
        case constant, rising, nearby, fewDistinct, anything, extreme
    }

    private struct Column {
        let presence: Presence
        let course: Course
        let distinct: [Int64]
        let exponents: [Int8]
        let base: Int64
        let width: Int
        var last: Int64
    }

    private var generator: SplitMix64
    private var columns: [String: Column] = [:]

    init(seed: UInt64) {
        generator = SplitMix64(seed: seed)
    }

    mutating func make(_ kind: EventKind, count: Int) -> EventList {
        columns = [:]
        var list = EventList(kind: kind)
        var position = Int64(generator.nextIndex(below: 1 << 40))
        for _ in 0..<count {
            position += Int64(1 + generator.nextIndex(below: 3 << 20))
            // Times within the years that are stored, some of them before the one before.
            let time = 1_700_000_000_000_000_000 + (integer("time") ?? 0) % 1_000_000_000_000_000
            var event = MarketEvent(
                position: TapePosition(rawValue: position),
                eventTime: Timestamp(nanoseconds: time),
                sequence: integer("sequence") ?? MarketEvent.noSequence,
                instrument: 0,
                stream: Int32(truncatingIfNeeded: integer("stream") ?? 0),
                flags: EventFlags(rawValue: UInt32(truncatingIfNeeded: integer("flags") ?? 0)),
                payload: payload(kind, &list.texts)
            )
            if let delay = integer("delay") {
                event.receiptTime = Timestamp(nanoseconds: time + delay % 1_000_000_000_000)
            }
            list.events.append(event)
        }
        return list
    }

    private mutating func payload(_ kind: EventKind, _ texts: inout TextPool) -> MarketEvent.Payload {
        switch kind {
        case .trade:
            .trade(
                Trade(
                    price: decimal("price"),
                    size: decimal("size"),
                    id: identifier(&texts),
                    side: Side(rawValue: UInt8((integer("side") ?? 0).magnitude % 3)) ?? .unknown,
                    venueCode: code("venue"),
                    condition: code("condition")
                )
            )
        case .quote:
            .quote(
                Quote(
                    bidPrice: decimal("bid"),
                    bidSize: decimal("bid size"),
                    askPrice: decimal("ask"),
                    askSize: decimal("ask size"),
                    venueCode: code("venue"),
                    condition: code("condition")
                )
            )
        case .candle:
            .candle(
                Candle(
                    open: decimal("open"),
                    high: decimal("high"),
                    low: decimal("low"),
                    close: decimal("close"),
                    volume: decimal("volume"),
                    interval: Int32(truncatingIfNeeded: integer("interval") ?? 0)
                )
            )
        }
    }

    private mutating func identifier(_ texts: inout TextPool) -> EventID {
        if let number = integer("number") { return EventID(number: number) }
        guard let text = integer("text") else { return .absent }
        let length = Int(text.magnitude % 40)
        return texts.add((0..<length).map { UInt8(truncatingIfNeeded: text &>> Int64($0 % 8 * 8)) })
    }

    private mutating func code(_ name: String) -> ShortCode {
        guard let value = integer(name) else { return .absent }
        let letters = String(value.magnitude % 10_000, radix: 36).uppercased()
        return Array(letters.utf8).withUnsafeBytes { ShortCode($0) } ?? .absent
    }

    private mutating func decimal(_ name: String) -> ExactDecimal {
        guard let mantissa = integer(name), let exponents = columns[name]?.exponents else { return .absent }
        return ExactDecimal(mantissa: mantissa, exponent: exponents[generator.nextIndex(below: exponents.count)])
    }

    /// The next value of a column; nil where the event has none.
    private mutating func integer(_ name: String) -> Int64? {
        var column = columns[name] ?? makeColumn()
        defer { columns[name] = column }
        switch column.presence {
        case .never: return nil
        case .sometimes where generator.nextIndex(below: 3) == 0: return nil
        default: break
        }
        switch column.course {
        case .constant: column.last = column.base
        case .rising: column.last = column.last &+ Int64(generator.nextIndex(below: 1 << min(column.width, 40)))
        case .nearby: column.last = column.base &+ Int64(bitPattern: bits(column.width))
        case .fewDistinct: column.last = column.distinct[generator.nextIndex(below: column.distinct.count)]
        case .anything: column.last = Int64(bitPattern: generator.next())
        case .extreme:
            let values: [Int64] = [.max, .min + 1, 0, -1, 1, .max - 1]
            column.last = values[generator.nextIndex(below: values.count)]
        }
        // The least integer stands for no value everywhere.
        if column.last == .min { column.last = 0 }
        return column.last
    }

    private mutating func makeColumn() -> Column {
        let base = Int64(bitPattern: bits(generator.nextIndex(below: 65)))
        var distinct: [Int64] = []
        for _ in 0...generator.nextIndex(below: 70) { distinct.append(Int64(bitPattern: generator.next())) }
        let exponents: [[Int8]] = [[-2], [0], [-8], [-30], [-1, -2, -3], [0, -8], [0, -18, 0], [3, -3]]
        return Column(
            presence: Presence.allCases[generator.nextIndex(below: Presence.allCases.count)],
            course: Course.allCases[generator.nextIndex(below: Course.allCases.count)],
            distinct: distinct,
            exponents: exponents[generator.nextIndex(below: exponents.count)],
            base: base,
            width: generator.nextIndex(below: 65),
            last: base
        )
    }

    private mutating func bits(_ width: Int) -> UInt64 {
        width == 0 ? 0 : generator.next() >> UInt64(64 - width)
    }
}
