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

    private func trade(_ position: Int64, _ time: Int64, _ price: Int64, id: Int64? = nil) -> MarketEvent {
        MarketEvent(
            position: TapePosition(rawValue: position),
            eventTime: Timestamp(nanoseconds: time),
            instrument: 0,
            stream: 0,
            payload: .trade(
                Trade(
                    price: ExactDecimal(mantissa: price, exponent: 0),
                    size: ExactDecimal(mantissa: 1, exponent: 0),
                    id: id.map(EventID.init(number:)) ?? .absent
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

    private var intervals: Set<String?> {
        Set(store.documents(in: CandlesCollection.name).map { $0[CandlesCollection.Field.interval]?.string })
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
        #expect(try count("1h") == 3)
        #expect(intervals == ["1m", "1h"], "all others are made of these")
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
        #expect(try count("1m") == 6 && count("1h") == 6)
        // The same stretch once more in one keeper, as after an error.
        let third = keeper(process: 3)
        for _ in 0..<2 { third.add([bucket([trade(6, 9, 7)])]) }
        try await third.flush()
        #expect(try count("1m") == 7)
        #expect(try document("1m", 0)[CandlesCollection.Field.volume]?.decimal128?.parts?.coefficient == 7)
    }

    /// Makes the first hour final, up to a position.
    private func finalize(appliedThrough: Int64) async throws {
        let finalizer = CandleFinalizer(writer: writer, operationIDs: OperationIDs(process: 4, start: 0))
        let outcome = try await finalizer.finalizeHour(
            source: "s",
            instrument: Self.instrument,
            hourStart: 0,
            appliedThrough: appliedThrough
        )
        #expect(outcome == .finalized)
    }

    @Test func aLateTradeTakesFinalityBack() async throws {
        let keeper = keeper()
        try await store([trade(0, 5, 100), trade(1, Self.minute, 50)], keeper)
        try await keeper.flush()
        try await finalize(appliedThrough: 1)
        #expect(try document("1h", 0)[CandlesCollection.Field.isFinal] == true)
        try await store([trade(2, 4, 99)], keeper)
        try await keeper.flush()
        #expect(try document("1h", 0)[CandlesCollection.Field.isFinal] == false)
        #expect(try count("1m") == 2 && count("1h") == 3)
        #expect(try document("1m", 0)[CandlesCollection.Field.openTime] == 4)
    }

    @Test func onlyMinutesThatAreNotRightAreWrittenOnceMore() async throws {
        let keeper = keeper()
        try await store([trade(0, 5, 100), trade(1, Self.minute, 50)], keeper)
        try await keeper.flush()
        // The first minute lacks a trade, as when ingest was killed before it wrote its bars.
        _ = try await BucketWriter(writer: writer, operationIDs: OperationIDs(process: 9, start: 50))
            .write([bucket([trade(2, 6, 101)])])
        try await finalize(appliedThrough: 2)
        let versions = try [Int64(0), Self.minute].map { try document("1m", $0)[DocumentField.version]?.integer }
        #expect(versions == [2, 1])
        #expect(try count("1m") == 2 && count("1h") == 3)
        keeper.add([bucket([trade(2, 6, 101)])])
        try await keeper.flush()
        #expect(try count("1m") == 2 && count("1h") == 3)
    }

    /// The bar was right without the repetition, which ingest had stored and was to add to it.
    @Test func aRepetitionThatWasLeftOutStaysOut() async throws {
        let keeper = keeper()
        try await store([trade(0, 5, 100, id: 7)], keeper)
        try await keeper.flush()
        try await store([trade(1, 5, 100, id: 7)], keeper)
        let policy = CompactionPolicy(grace: 0, takesOpenWindows: true)
        let ids = OperationIDs(process: 8, start: 0)
        _ = try await Compactor(writer: writer, operationIDs: ids, policy: policy).run()
        try #require(try document("1h", 0)[CandlesCollection.Field.isFinal] == true)
        try await keeper.flush()
        #expect(try count("1m") == 1 && count("1h") == 1)
    }
}
