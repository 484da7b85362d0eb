import BSON
import DocumentStore
import MarketData
import SimulatedStore
import Testing

@testable import TickStore

@Suite struct BucketWriterTests {
    private typealias Field = MarketDataCollection.Field

    @Test func createsABucketWithItsSummary() async throws {
        let stand = try await Stand()
        let events = [
            Market.trade(at: 1, time: 5), Market.trade(at: 2, time: 9), Market.trade(at: 9, time: 3),
            Market.trade(at: 11, time: 9, size: .absent),
        ]
        let result = try await stand.bucketWriter().write(Market.buckets(events))
        #expect(result.counts == .init(stored: 4, alreadyStored: 0))
        let document = try #require(stand.documents.first)
        #expect(stand.documents.count == 1)
        #expect(document[DocumentField.id]?.string == "TEST/file|trade|TEST:A-B|\(Market.start)|0")
        #expect(document[DocumentField.version] == 1)
        #expect(document[DocumentField.schemaVersion] == 2)
        #expect(document[Field.slots] == .array([.int64(Market.start)]))
        #expect(document[Field.instrumentSymbol] == "TEST:A-B")
        #expect(document[Field.kind] == "trade")
        #expect(document[Field.source] == "TEST/file")
        #expect(document[Field.windowStart]?.integer == Market.start)
        #expect(document[Field.windowSeconds] == 3_600)
        #expect(document[Field.part] == 0)
        #expect(document[Field.isClosed] == false)
        #expect(document[Field.blockCount] == 1)
        #expect(document[Field.eventCount] == 4)
        #expect(document[Field.firstEventTime]?.integer == Market.start + 3)
        #expect(document[Field.lastEventTime]?.integer == Market.start + 9)
        #expect(document[Field.appliedThrough] == 11)
        #expect(document[Field.blockBytes]?.integer == Int64(result.blockBytes))
        #expect(document[Field.open]?.exactDecimal?.description == "1.09")
        #expect(document[Field.low]?.exactDecimal?.description == "1.01")
        #expect(document[Field.high]?.exactDecimal?.description == "1.11")
        #expect(document[Field.close]?.exactDecimal?.description == "1.11")
        #expect(document[Field.closeTime]?.integer == Market.start + 9)
        #expect(document[Field.volume]?.exactDecimal?.description == "1.5")
    }

    @Test func appendsToTheVersionThatItKnows() async throws {
        let stand = try await Stand()
        let writer = stand.bucketWriter()
        for round in Int64(0)..<5 {
            let events = [Market.trade(at: 2 * round, time: round), Market.trade(at: 2 * round + 1, time: round)]
            #expect(try await writer.write(Market.buckets(events)).counts == .init(stored: 2, alreadyStored: 0))
        }
        let document = try #require(stand.documents.first)
        #expect(stand.documents.count == 1)
        #expect(document[DocumentField.version] == 5)
        #expect(document[Field.blockCount] == 5)
        #expect(document[Field.eventCount] == 10)
        #expect(document[Field.blocks]?.array?.count == 5)
        #expect(try await stand.verify().isClean)
    }

    @Test func writesOnlyWhatIsNotAppliedYet() async throws {
        let stand = try await Stand()
        let events = (Int64(0)..<10).map { Market.trade(at: $0, time: $0) }
        _ = try await stand.bucketWriter().write(Market.buckets(Array(events[..<6])))
        // Another process begins again from the start.
        let other = stand.bucketWriter(process: 2)
        #expect(try await other.write(Market.buckets(Array(events[..<4]))).counts == .init(stored: 0, alreadyStored: 4))
        #expect(try await other.write(Market.buckets(Array(events[2...]))).counts == .init(stored: 4, alreadyStored: 4))
        #expect(try await other.write(Market.buckets(events)).counts == .init(stored: 0, alreadyStored: 10))
        #expect(try await stand.read().map(\.number) == Array(0..<10))
        #expect(try await stand.verify().isClean)
    }

    @Test func fullPartsAreClosedAndFollowed() async throws {
        let stand = try await Stand()
        let writer = stand.bucketWriter()
        var position: Int64 = 0
        for _ in 0..<12 {
            let events = Market.noise(4_000, first: position, time: position * 1_000)
            position += 4_000
            _ = try await writer.write(Market.buckets(events))
        }
        let documents = stand.documents
        #expect(documents.count >= 2)
        #expect(documents.map { $0[Field.part]?.integer } == (0..<documents.count).map { Int64($0) })
        #expect(documents.map { $0[Field.isClosed] } == documents.dropLast().map { _ in true } + [false])
        for document in documents.dropLast() {
            #expect((document[Field.blockBytes]?.integer ?? 0) >= BucketState.closesAtBytes)
        }
        #expect(try await stand.verify() == stand.verify())
        #expect(try await stand.verify().isClean)
        #expect(try await stand.read().count == 48_000)
        // A new process finds the last part.
        let more = Market.noise(10, first: position, time: position * 1_000)
        #expect(
            try await stand.bucketWriter(process: 2).write(Market.buckets(more)).counts
                == .init(stored: 10, alreadyStored: 0)
        )
        #expect(try await stand.verify().isClean)
    }

    @Test func aSecondWriterMeetsAConflictAndGoesOnFromTheStoredBucket() async throws {
        let stand = try await Stand()
        let first = stand.bucketWriter(process: 1)
        let second = stand.bucketWriter(process: 2)
        let events = (Int64(0)..<30).map { Market.trade(at: $0, time: $0) }
        for round in 0..<10 {
            // Both know the bucket of the round before, and one of them is late.
            let part = Market.buckets(Array(events[(3 * round)..<(3 * round + 3)]))
            let one = try await first.write(part)
            let other = try await second.write(part)
            #expect(one.counts == .init(stored: 3, alreadyStored: 0))
            #expect(other.counts == .init(stored: 0, alreadyStored: 3))
        }
        #expect(stand.writer.statistics.conflicts > 0)
        #expect(try await stand.read().map(\.number) == Array(0..<30))
        #expect(HistoryChecker.violations(of: stand.store.history).isEmpty)
    }

    @Test func manyBucketsGoInOneBulk() async throws {
        let stand = try await Stand()
        let events = (Int64(0)..<100).map { Market.trade(at: $0, time: $0 * Market.hour) }
        let before = stand.store.operationCount
        let result = try await stand.bucketWriter().write(Market.buckets(events))
        #expect(result.stored == 100)
        #expect(stand.documents.count == 100)
        #expect(stand.store.operationCount - before == 2, "one query, one bulk")
    }

    @Test func kindsSourcesAndInstrumentsDoNotMix() async throws {
        let stand = try await Stand()
        var quote = Market.trade(at: 0, time: 0)
        let one = ExactDecimal(mantissa: 1, exponent: 0)
        quote.payload = .quote(Quote(bidPrice: one, bidSize: one, askPrice: one, askSize: one))
        let other = Instrument(venue: "TEST", symbol: "C")
        let pending =
            Market.buckets([Market.trade(at: 3, time: 0)]) + Market.buckets([quote])
            + Market.buckets([Market.trade(at: 1, time: 0)], source: "other")
            + Market.buckets([Market.trade(at: 2, time: 0)], instrument: other)
        #expect(try await stand.bucketWriter().write(pending).stored == 4)
        #expect(stand.documents.count == 4)
        #expect(try await stand.bucketWriter().write(pending).counts == .init(stored: 0, alreadyStored: 4))
        #expect(try await stand.read().map(\.number) == [3, 1], "by source at the same time")
        #expect(try await stand.verify().isClean)
    }

    @Test(arguments: [AttemptFault.lostReply, .lostRequest, .lateApply, .unavailable, .writeConcernError, .rolledBack])
    func faultsOfSingleChanges(fault: AttemptFault) async throws {
        let stand = try await Stand()
        let writer = stand.bucketWriter()
        for round in Int64(0)..<6 {
            stand.store.injectAttempts([fault])
            let result = try await writer.write(Market.buckets([Market.trade(at: round, time: round)]))
            #expect(result.stored + result.alreadyStored == 1)
            stand.store.deliverLateChanges()
        }
        #expect(try await stand.read().map(\.number) == Array(0..<6))
        #expect(HistoryChecker.violations(of: stand.store.history).isEmpty)
        #expect(try await stand.verify().isClean)
    }

    @Test(arguments: UInt64(0)..<60)
    func everythingIsStoredOnceWhateverHappens(seed: UInt64) async throws {
        let stand = try await Stand(seed: seed, faults: .all(0.08))
        var generator = SplitMix64(seed: seed)
        let events = (Int64(0)..<120).map { position in
            Market.trade(at: position, time: Int64(generator.nextIndex(below: 4)) * Market.hour + position)
        }
        var writer = stand.bucketWriter(process: 1)
        var next = 0
        while next < events.count {
            let end = min(next + 1 + generator.nextIndex(below: 20), events.count)
            do throws(StoreError) {
                _ = try await writer.write(Market.buckets(Array(events[next..<end])))
                next = end
            } catch {
                // A process that stops begins again a little before.
                writer = stand.bucketWriter(process: UInt32(next + 2))
                next = max(0, next - generator.nextIndex(below: 30))
            }
        }
        stand.store.faults = FaultPlan()
        stand.store.deliverLateChanges()
        let stored = try await stand.read()
        #expect(stored.map(\.number).sorted() == Array(0..<120), "seed \(seed)")
        #expect(HistoryChecker.violations(of: stand.store.history).isEmpty, "seed \(seed)")
        #expect(try await stand.verify().findings.isEmpty, "seed \(seed)")
    }

    @Test func aDocumentOfAnotherLayoutIsNotTouched() async throws {
        let stand = try await Stand()
        _ = try await stand.bucketWriter().write(Market.buckets([Market.trade(at: 0, time: 0)]))
        let newer = try await stand.damaged { _, document in document.setting(DocumentField.schemaVersion, 3) }
        await #expect(throws: StoreError.self) {
            try await newer.bucketWriter().write(Market.buckets([Market.trade(at: 1, time: 1)]))
        }
        #expect(newer.documents.first?[Field.eventCount] == 1)
    }
}
