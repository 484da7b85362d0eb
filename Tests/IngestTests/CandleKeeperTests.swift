import BSON
import DocumentStore
import Ingest
import MarketData
import SimulatedStore
import Testing
import TickStore

@Suite struct CandleKeeperTests {
    private static let instrument = Instrument(venue: "V", symbol: "S")
    private static let minute: Int64 = 60_000_000_000

    private let clock = SimulatedClock()
    private let store: SimulatedStore
    private let writer: VersionedWriter

    init() {
        store = SimulatedStore(seed: 1, clock: clock)
        let policy = RetryPolicy(deadline: .seconds(5))
        writer = VersionedWriter(store: store, policy: policy, environment: clock.environment)
    }

    private func keeper(_ limits: CandleKeeper.Limits = .init(), process: UInt32 = 1) -> CandleKeeper {
        let ids = OperationIDs(process: process, start: 0)
        return CandleKeeper(writer: writer, operationIDs: ids, limits: limits, now: clock.environment.now)
    }

    private func trade(_ position: Int64, _ time: Int64, _ price: Int64, size: Int64 = 1) -> MarketEvent {
        MarketEvent(
            position: TapePosition(rawValue: position),
            eventTime: Timestamp(nanoseconds: time),
            instrument: 0,
            stream: 0,
            payload: .trade(
                Trade(
                    price: ExactDecimal(mantissa: price, exponent: 0),
                    size: ExactDecimal(mantissa: size, exponent: 0)
                )
            )
        )
    }

    private func bucket(_ events: [MarketEvent]) -> PendingBucket {
        let start = EventKind.trade.windowStart(of: events[0].eventTime)
        let key = BucketKey(source: "s", instrument: Self.instrument, kind: .trade, windowStart: start)
        var bucket = PendingBucket(key: key)
        bucket.events += events
        return bucket
    }

    /// Stores trades as ingest does, and tells the keeper.
    private func store(_ events: [MarketEvent], _ keeper: CandleKeeper) async throws {
        let pending = [bucket(events)]
        _ = try await BucketWriter(writer: writer, operationIDs: OperationIDs(process: 9, start: 0)).write(pending)
        keeper.add(pending)
    }

    private func document(_ interval: String, _ start: Int64) throws -> BSONDocument {
        let id = "s|V:S|\(interval)|\(start)"
        return try #require(store.documents(in: CandlesCollection.name).first { $0[DocumentField.id]?.string == id })
    }

    private func count(_ interval: String, _ start: Int64 = 0) throws -> Int64? {
        try document(interval, start)[CandlesCollection.Field.count]?.integer
    }

    /// Else a feed of many instruments would do little else.
    @Test func barsThatTakeLongToWriteWaitForLonger() async throws {
        let keeper = keeper()
        try await store([trade(0, 5, 100)], keeper)
        store.faults.slow = 1
        let began = clock.environment.now()
        try await keeper.flush()
        let time = clock.environment.now() - began
        try #require(time > .milliseconds(500), "it was to be slow")
        store.faults = FaultPlan()
        try await store([trade(1, 6, 101)], keeper)
        #expect(keeper.timeToFlush == time * 2)
    }

    @Test func changesWaitForTheirTime() async throws {
        let keeper = keeper(CandleKeeper.Limits(interval: .seconds(1), barsMax: 3))
        #expect(keeper.timeToFlush == nil && keeper.isEmpty)
        try await store([trade(0, 5, 100)], keeper)
        #expect(keeper.timeToFlush == .zero, "what comes first is written at once")
        try await keeper.flush()
        #expect(keeper.isEmpty && keeper.timeToFlush == nil)
        try await store([trade(1, 6, 101), trade(2, Self.minute, 102)], keeper)
        #expect(keeper.timeToFlush == .seconds(1) && !keeper.isEmpty)
        try await clock.environment.sleep(.milliseconds(400))
        #expect(keeper.timeToFlush == .milliseconds(600))
        #expect(try count("1m") == 1)
        try await clock.environment.sleep(.seconds(1))
        #expect(keeper.timeToFlush == .zero)
        try await keeper.flush()
        #expect(try count("1m") == 2 && count("1m", Self.minute) == 1)
        #expect(try count("5m") == 3 && count("1h") == 3 && count("1d") == 3)
        try await store((0..<5).map { trade(3 + $0, $0 * Self.minute, 100) }, keeper)
        #expect(keeper.timeToFlush == .zero, "too many wait")
    }

    @Test func whatIsWrittenTwiceCountsOnce() async throws {
        let first = keeper()
        let events = (0..<6).map { trade($0, $0, 100 + $0) }
        try await store(Array(events[..<4]), first)
        try await first.flush()
        first.add([bucket(Array(events[..<4]))])
        try await first.flush()
        #expect(try count("1m") == 4)
        // Another process begins before, and has more: some of its trades are in the bar, some are not.
        let second = keeper(process: 2)
        try await store(Array(events[2...]), second)
        try await second.flush()
        #expect(try count("1m") == 6 && count("1h") == 6 && count("1d") == 6)
        // The same stretch once more in one keeper, as after an error.
        let third = keeper(process: 3)
        for _ in 0..<2 { third.add([bucket([trade(6, 9, 7)])]) }
        try await third.flush()
        #expect(try count("1m") == 7)
        #expect(try document("1m", 0)[CandlesCollection.Field.volume]?.decimal128?.parts?.coefficient == 7)
    }

    @Test func aLateTradeTakesFinalityBack() async throws {
        let keeper = keeper()
        try await store([trade(0, 5, 100), trade(1, Self.minute, 50)], keeper)
        try await keeper.flush()
        let finalizer = CandleFinalizer(writer: writer, operationIDs: OperationIDs(process: 4, start: 0))
        let outcome = try await finalizer.finalizeHour(
            source: "s",
            instrument: Self.instrument,
            hourStart: 0,
            appliedThrough: 1
        )
        try await finalizer.finalizeDay(source: "s", instrument: Self.instrument, dayStart: 0, isFinal: true)
        let names = [("1m", Int64(0)), ("1m", Self.minute), ("5m", 0), ("1h", 0), ("1d", 0)]
        func finality() throws -> [Bool?] {
            try names.map { try document($0.0, $0.1)[CandlesCollection.Field.isFinal]?.bool }
        }
        #expect(outcome == .finalized)
        #expect(try finality() == [true, true, true, true, true])
        try await store([trade(2, 4, 99)], keeper)
        try await keeper.flush()
        #expect(try finality() == [false, true, false, false, false])
        #expect(try count("1m") == 2 && count("1d") == 3)
        #expect(try document("1m", 0)[CandlesCollection.Field.openTime] == 4)
    }
}
