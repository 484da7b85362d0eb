import BSON
import DocumentStore
import MarketData
import SimulatedStore
import TickStore

/// A simulated store, and what writes to and reads from it.
struct Stand {
    let clock: SimulatedClock
    let store: SimulatedStore
    let writer: VersionedWriter

    init(seed: UInt64 = 1, faults: FaultPlan = FaultPlan()) async throws {
        clock = SimulatedClock(seed: seed)
        store = SimulatedStore(seed: seed, faults: FaultPlan(), clock: clock)
        writer = VersionedWriter(
            store: store,
            policy: RetryPolicy(deadline: .seconds(30)),
            environment: clock.environment
        )
        try await store.prepare(MarketDataCollection.specification)
        store.faults = faults
    }

    /// A writer that knows nothing yet, like that of another process.
    func bucketWriter(process: UInt32 = 1) -> BucketWriter {
        BucketWriter(writer: writer, operationIDs: OperationIDs(process: process, start: 0))
    }

    /// All documents, in the order of their ids.
    var documents: [BSONDocument] { store.documents(in: MarketDataCollection.name) }

    func read(_ query: EventQuery = EventQuery(instrument: Market.instrument, kind: .trade)) async throws
        -> [StoredEvent]
    {
        let reader = BucketReader(reading: writer, query)
        var events: [StoredEvent] = []
        while let next = try await reader.next() { events += next }
        return events
    }

    func verify() async throws -> VerificationReport {
        try await Verifier(reading: writer).verify()
    }

    /// A store with the same documents, changed by `change`; nil drops a document.
    func damaged(_ change: (String, BSONDocument) -> BSONDocument?) async throws -> Stand {
        let copy = try await Stand()
        let reserved: Set<String> = [
            DocumentField.id, DocumentField.version, DocumentField.lastOperationID,
            MarketDataCollection.Field.instrumentSymbol,
        ]
        for (number, document) in documents.enumerated() {
            guard let id = document[DocumentField.id]?.string, let changed = change(id, document) else { continue }
            let symbol = document[MarketDataCollection.Field.instrumentSymbol] ?? .null
            let key = DocumentKey(
                collection: MarketDataCollection.name,
                id: .string(id),
                shardKey: DocumentKey.ShardKey(field: MarketDataCollection.Field.instrumentSymbol, value: symbol)
            )
            let fields = changed.fields.filter { !reserved.contains($0.key) }.map { ($0.key, $0.value) }
            let create = VersionedChange(
                key: key,
                action: .create(BSONDocument(fields)),
                operationID: ObjectID(high: 9, low: UInt64(number))
            )
            _ = await copy.store.attempt(create)
        }
        try await copy.copyCandles(from: self)
        return copy
    }
}

extension Stand {
    /// Stores the bars of another store.
    fileprivate func copyCandles(from other: Stand) async throws {
        let reserved: Set<String> = [
            DocumentField.id, DocumentField.version, DocumentField.lastOperationID,
            CandlesCollection.Field.instrumentSymbol,
        ]
        for (number, document) in other.store.documents(in: CandlesCollection.name).enumerated() {
            let field = CandlesCollection.Field.instrumentSymbol
            let key = DocumentKey(
                collection: CandlesCollection.name,
                id: document[DocumentField.id] ?? .null,
                shardKey: DocumentKey.ShardKey(field: field, value: document[field] ?? .null)
            )
            let fields = document.fields.filter { !reserved.contains($0.key) }.map { ($0.key, $0.value) }
            let create = VersionedChange(
                key: key,
                action: .create(BSONDocument(fields)),
                operationID: ObjectID(high: 8, low: UInt64(number))
            )
            _ = await store.attempt(create)
        }
    }
}

/// Events to store.
enum Market {
    static let instrument = Instrument(venue: "TEST", symbol: "A-B")
    static let hour: Int64 = 3_600_000_000_000
    /// The start of an hour in 2024.
    static let start: Int64 = 1_723_125_600_000_000_000
    static let source = "TEST/file"

    static func trade(
        at position: Int64,
        time: Int64,
        price: ExactDecimal? = nil,
        size: ExactDecimal = ExactDecimal(mantissa: 5, exponent: -1),
        id: EventID = .absent
    ) -> MarketEvent {
        let price = price ?? ExactDecimal(mantissa: 100 + position, exponent: -2)
        return MarketEvent(
            position: TapePosition(rawValue: position),
            eventTime: Timestamp(nanoseconds: start + time),
            instrument: 0,
            stream: 0,
            payload: .trade(Trade(price: price, size: size, id: id))
        )
    }

    /// Groups events into the buckets of their windows, as ingest does.
    static func buckets(
        _ events: [MarketEvent],
        source: String = Market.source,
        instrument: Instrument = Market.instrument
    ) -> [PendingBucket] {
        var buckets: [BucketKey: PendingBucket] = [:]
        for event in events {
            let kind = event.payload.kind
            let key = BucketKey(
                source: source,
                instrument: instrument,
                kind: kind,
                windowStart: kind.windowStart(of: event.eventTime)
            )
            buckets[key, default: PendingBucket(key: key)].events.append(event)
        }
        return buckets.values.sorted { $0.key.windowStart < $1.key.windowStart }
    }

    /// Trades of incompressible size at positions from `first` on, one every `step` nanoseconds from `time`.
    static func noise(_ count: Int, first: Int64, time: Int64, step: Int64 = 1_000, seed: UInt64 = 1) -> [MarketEvent] {
        var generator = SplitMix64(seed: seed &+ UInt64(first))
        return (0..<Int64(count)).map { index in
            let price = ExactDecimal(mantissa: Int64(generator.next() >> 8) + 1, exponent: -2)
            let size = ExactDecimal(mantissa: Int64(generator.next() >> 8) + 1, exponent: -2)
            return trade(at: first + index, time: time + index * step, price: price, size: size)
        }
    }
}

extension StoredEvent {
    /// The position that `Market.trade` hid in the price: stored positions are lower bounds.
    var number: Int64 { (price.scaled(to: -2) ?? -1) - 100 }
    var time: Int64 { event.eventTime.nanoseconds - Market.start }

    var price: ExactDecimal {
        if case .trade(let trade) = event.payload { trade.price } else { .absent }
    }
}

extension BucketWriter.Result {
    init(stored: Int, alreadyStored: Int) {
        self.init()
        self.stored = stored
        self.alreadyStored = alreadyStored
    }

    /// Without the bytes, which depend on the codec.
    var counts: BucketWriter.Result { BucketWriter.Result(stored: stored, alreadyStored: alreadyStored) }
}
