import BSON
import DocumentStore
import MarketData
import SimulatedStore
import Testing

@testable import TickStore

/// What sealing does to one bucket, and what readers see of it: nothing.
@Suite struct SealingTests {
    private typealias Field = MarketDataCollection.Field

    /// Rows of what is read: everything but positions.
    private func rows(_ stand: Stand) async throws -> [String] {
        try await stand.read().map {
            "\($0.event.eventTime) \($0.price) \($0.idText ?? "-") \($0.event.flags.rawValue)"
        }
    }

    @Test func whatIsReadStaysTheSame() async throws {
        let stand = try await Stand()
        let writer = stand.bucketWriter()
        for round in Int64(0)..<5 {
            // Each round reaches back into the one before, and some times are equal.
            let events = (Int64(0)..<200).map { Market.trade(at: 200 * round + $0, time: 100 * round + $0 / 2) }
            _ = try await writer.write(Market.buckets(events))
        }
        let before = try await rows(stand)
        let report = try await stand.compact()
        #expect(report.sealed == 1 && report.events == 1_000 && report.findingCount == 0)
        #expect(report.bytesAfter < report.bytesBefore)
        #expect(try await rows(stand) == before)
        #expect(try await stand.verify().findings == [])
        let document = try #require(stand.documents.first)
        #expect(document[Field.blockCount] == 1 && document[Field.sealedBlockCount] == 1)
        #expect(document[DocumentField.version] == 6)
    }

    @Test func aSecondRunChangesNothing() async throws {
        let stand = try await Stand()
        _ = try await stand.bucketWriter().write(Market.buckets([Market.trade(at: 0, time: 0)]))
        _ = try await stand.compact()
        let documents = stand.documents
        let again = try await stand.compact()
        #expect(again.sealed == 0 && again.rolledUp == 0 && again.bytesBefore == again.bytesAfter)
        #expect(stand.documents == documents)
    }

    @Test func lateEventsAreSealedAgain() async throws {
        let stand = try await Stand()
        let writer = stand.bucketWriter()
        _ = try await writer.write(Market.buckets((0..<10).map { Market.trade(at: $0, time: 10 * $0) }))
        _ = try await stand.compact()
        // The writer still believes in the version before, and events at equal times come behind.
        let late = [(10, 35), (11, 40), (12, 0)].map { Market.trade(at: $0, time: $1) }
        #expect(try await writer.write(Market.buckets(late)).counts == .init(stored: 3, alreadyStored: 0))
        let expected: [Int64] = [0, 12, 1, 2, 3, 10, 4, 11, 5, 6, 7, 8, 9]
        #expect(try await stand.read().map(\.number) == expected)
        #expect(try await stand.verify().findings == [])
        #expect(try await stand.compact().sealed == 1)
        #expect(try await stand.read().map(\.number) == expected)
        #expect(try await stand.verify().findings == [])
        // What is applied stays applied.
        #expect(try await writer.write(Market.buckets(late)).counts == .init(stored: 0, alreadyStored: 3))
        let other = stand.bucketWriter(process: 2)
        #expect(try await other.write(Market.buckets(late)).counts == .init(stored: 0, alreadyStored: 3))
    }

    @Test func identicalPrintsAreNoDuplicates() async throws {
        let stand = try await Stand()
        let price = ExactDecimal(mantissa: 1, exponent: 0)
        let events = (Int64(0)..<4).map { Market.trade(at: $0, time: 7, price: price) }
        _ = try await stand.bucketWriter().write(Market.buckets(events))
        _ = try await stand.compact()
        #expect(try await stand.read().count == 4)
    }

    /// The identifier decides, within its stream, and only where the venue says the same of the trade.
    @Test func onlyRepetitionsWithinAStreamAreLeftOut() async throws {
        let stand = try await Stand()
        let price = ExactDecimal(mantissa: 1, exponent: 0)
        func trade(_ position: Int64, id: Int64, stream: Int32 = 0, time: Int64 = 7, cents: Int64 = 1) -> MarketEvent {
            let price = ExactDecimal(mantissa: cents, exponent: 0)
            var event = Market.trade(at: position, time: time, price: price, id: EventID(number: id))
            event.stream = stream
            return event
        }
        var reset = trade(6, id: 5)
        reset.flags.insert(.sequenceReset)
        let events = [
            trade(0, id: 5), trade(1, id: 6), trade(2, id: 5), trade(3, id: 5, stream: 1), trade(4, id: 5, time: 8),
            trade(5, id: 5, cents: 2), reset, trade(7, id: 6), trade(8, id: 5, stream: -1), trade(9, id: 5, stream: -1),
        ]
        var pending = Market.buckets(events)
        for position in Int64(10)..<13 {
            let text = pending[0].texts.add(Array((position == 11 ? "b" : "a").utf8))
            pending[0].events.append(Market.trade(at: position, time: 7, price: price, id: text))
        }
        _ = try await stand.bucketWriter().write(pending)
        #expect(try await stand.read().count == 13)
        #expect(try await stand.compact().events == 13)
        let document = try #require(stand.documents.first)
        #expect(document[Field.duplicateCount] == 3 && document[Field.eventCount] == 10)
        #expect(document[Field.appliedThrough] == 12)
        #expect(try await stand.verify().findings == [])
        #expect(try await stand.compact().sealed == 0)
    }

    /// Wherever a block ends: repetitions stand at the time of what they repeat, and blocks do not share a time.
    @Test func repetitionsAreFoundAcrossStretches() async throws {
        let stand = try await Stand()
        let price = ExactDecimal(mantissa: 1, exponent: 0)
        let events = (Int64(0)..<40_000).map {
            Market.trade(at: $0, time: $0 / 2, price: price, id: EventID(number: $0 / 2))
        }
        _ = try await stand.bucketWriter().write(Market.buckets(events))
        #expect(stand.documents.count == 1)
        #expect(try await stand.compact().events == 40_000)
        let document = try #require(stand.documents.first)
        #expect(document[Field.duplicateCount] == 20_000 && document[Field.eventCount] == 20_000)
        let times = (document[Field.sealedTimes]?.array ?? []).compactMap(\.integer)
        #expect(times.count == 6 && zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
        #expect(try await stand.verify().findings == [])
    }

    /// More trades at one time than a block holds stay in their order.
    @Test func manyTradesAtOneTime() async throws {
        let stand = try await Stand()
        let times = [1] + Array(repeating: Int64(2), count: 40_000) + [3]
        let events = zip(Int64(0)..., times).map { Market.trade(at: $0, time: $1) }
        _ = try await stand.bucketWriter().write(Market.buckets(events))
        _ = try await stand.compact()
        #expect(try await stand.read().map(\.number) == Array(0..<40_002))
        #expect(try await stand.verify().findings == [])
    }

    @Test func damagedBucketsAreNamedAndLeftAsTheyAre() async throws {
        let stand = try await Stand()
        let events = (Int64(0)..<3).map { Market.trade(at: $0, time: $0 * Market.hour) }
        _ = try await stand.bucketWriter().write(Market.buckets(events))
        let damaged = try await stand.damaged { id, document in
            id.hasSuffix("|\(Market.start)|0") ? document.changingBlocks { $0[0][50] ^= 1 } : document
        }
        let before = damaged.documents.first
        let report = try await damaged.compact()
        #expect(report.sealed == 2 && report.findingCount == 1)
        #expect(report.findings.first?.bucket.hasSuffix("|\(Market.start)|0") == true)
        #expect(report.rolledUp == 0, "the day is not whole")
        #expect(damaged.documents.first == before)
    }

    @Test func bucketsOfTheFirstLayoutAreBroughtUp() async throws {
        let stand = try await Stand()
        _ = try await stand.bucketWriter().write(Market.buckets([Market.trade(at: 0, time: 0)]))
        let old = try await stand.damaged { _, document in
            let fields = document.fields.filter { $0.key != Field.slots }.map { ($0.key, $0.value) }
            return BSONDocument(fields).setting(DocumentField.schemaVersion, 1)
        }
        #expect(try await old.verify().findings == [])
        #expect(try await old.compact().sealed == 1)
        #expect(old.documents.first?[DocumentField.schemaVersion] == 2)
        #expect(old.documents.first?[Field.slots] == .array([.int64(Market.start)]))
        #expect(try await old.verify().findings == [])
    }

    @Test func faultsAreSatOut() async throws {
        for seed in UInt64(1)...40 {
            let stand = try await Stand(seed: seed)
            let events = (Int64(0)..<20).map { Market.trade(at: $0, time: $0 * Market.hour / 4) }
            _ = try await stand.bucketWriter().write(Market.buckets(events))
            let before = try await rows(stand)
            stand.store.faults = .all(0.1)
            for _ in 0..<5 { _ = try await stand.compact() }
            stand.store.deliverLateChanges()
            stand.store.faults = FaultPlan()
            _ = try await stand.compact()
            #expect(try await rows(stand) == before, "seed \(seed)")
            #expect(try await stand.verify().findings == [], "seed \(seed)")
            #expect(HistoryChecker.violations(of: stand.store.history) == [], "seed \(seed)")
        }
    }
}
