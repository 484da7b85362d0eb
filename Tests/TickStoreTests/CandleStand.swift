import BSON
import DocumentStore
import MarketData
import SimulatedStore

@testable import TickStore

extension Market {
    /// A trade of which bars can tell everything.
    static func sided(_ position: Int64, _ time: Int64, _ price: Int64, _ size: Int64, _ side: Side) -> MarketEvent {
        MarketEvent(
            position: TapePosition(rawValue: position),
            eventTime: Timestamp(nanoseconds: start + time),
            instrument: 0,
            stream: 0,
            payload: .trade(
                Trade(
                    price: ExactDecimal(mantissa: price, exponent: -2),
                    size: ExactDecimal(mantissa: size, exponent: -1),
                    side: side
                )
            )
        )
    }
}

extension Stand {
    var finalizer: CandleFinalizer {
        CandleFinalizer(writer: writer, operationIDs: OperationIDs(process: 5, start: 0))
    }

    /// Stores trades of a source.
    func store(_ events: [MarketEvent], source: String = Market.source) async throws {
        _ = try await bucketWriter().write(Market.buckets(events, source: source))
    }

    /// Makes an hour final up to the position that its buckets have, and then its day, unless that is not over.
    @discardableResult
    func finalize(
        hour: Int64,
        source: String = Market.source,
        isDayOver: Bool = true
    ) async throws -> CandleFinalizer.Outcome? {
        let start = Market.start + hour * Market.hour
        let windows = try await TradeWindow.load(
            writer,
            Market.instrument,
            source: source,
            starts: start..<(start + 1)
        )
        guard let window = windows.first else { return nil }
        let outcome = try await finalizer.finalizeHour(
            source: source,
            instrument: Market.instrument,
            hourStart: start,
            appliedThrough: window.appliedThrough
        )
        if isDayOver {
            let day = CandleInterval.day.start(of: start)
            try await finalizer.finalizeDay(source: source, instrument: Market.instrument, dayStart: day)
        }
        return outcome
    }

    /// Adds trades to the stored bars of their minutes and hours, as ingest does once they are stored.
    func addToBars(_ events: [MarketEvent]) async throws {
        let ids = OperationIDs(process: 6, start: UInt64(store.operationCount) << 20)
        let candles = CandleStore(writer: writer, operationIDs: ids)
        for event in events {
            for interval in [CandleInterval.minute, .hour] {
                var builder = BarBuilder(interval)
                builder.add(event)
                let bar = builder.bars[0]
                let key = CandleKey(
                    source: Market.source,
                    instrument: Market.instrument,
                    interval: interval,
                    start: bar.start
                )
                let position = event.position.rawValue
                var candle = StoredCandle(key: key, bar: bar, isFinal: false, appliedThrough: position)
                if let known = try await candles.loader.load([key])[key] {
                    candle.version = known.version
                    candle.bar = known.bar
                    candle.bar.merge(bar)
                }
                _ = try await candles.write([candle])
            }
        }
    }

    func bars(_ interval: CandleInterval, from: Int64? = nil, to: Int64? = nil) async throws -> [CandleRow] {
        let query = CandleQuery(
            instrument: Market.instrument,
            interval: interval,
            from: from.map { Timestamp(nanoseconds: Market.start + $0) },
            to: to.map { Timestamp(nanoseconds: Market.start + $0) }
        )
        let reader = CandleReader(reading: writer, query)
        var rows: [CandleRow] = []
        while let next = try await reader.next() { rows += next }
        return rows
    }

    /// The bars of all intervals.
    func allBars() async throws -> [[CandleRow]] {
        var all: [[CandleRow]] = []
        for interval in CandleInterval.allCases { all.append(try await bars(interval)) }
        return all
    }

    /// A store with the same documents of some collections, each changed by `change`.
    func copy(
        _ collections: [String],
        _ change: (BSONDocument) -> BSONDocument = { $0 }
    ) async throws -> Stand {
        let copy = try await Stand()
        let reserved: Set<String> = [
            DocumentField.id, DocumentField.version, DocumentField.lastOperationID,
            CandlesCollection.Field.instrumentSymbol,
        ]
        var number: UInt64 = 0
        for collection in collections {
            for document in store.documents(in: collection) {
                number += 1
                let fields = change(document).fields.filter { !reserved.contains($0.key) }.map { ($0.key, $0.value) }
                let key = DocumentKey(
                    collection: collection,
                    id: document[DocumentField.id] ?? .null,
                    shardKey: DocumentKey.ShardKey(
                        field: CandlesCollection.Field.instrumentSymbol,
                        value: document[CandlesCollection.Field.instrumentSymbol] ?? .null
                    )
                )
                let operation = ObjectID(high: 8, low: number)
                _ = await copy.store.attempt(
                    VersionedChange(key: key, action: .create(BSONDocument(fields)), operationID: operation)
                )
            }
        }
        return copy
    }
}
