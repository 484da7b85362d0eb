import BSON
import DocumentStore
import MarketData
import SimulatedStore
import Testing

@testable import TickStore

@Suite struct BucketReaderTests {
    private func query(from: Int64? = nil, to: Int64? = nil) -> EventQuery {
        EventQuery(
            instrument: Market.instrument,
            kind: .trade,
            from: from.map { Timestamp(nanoseconds: Market.start + $0) },
            to: to.map { Timestamp(nanoseconds: Market.start + $0) }
        )
    }

    @Test func emptyStore() async throws {
        let stand = try await Stand()
        #expect(try await stand.read().isEmpty)
        _ = try await stand.bucketWriter().write(Market.buckets([Market.trade(at: 0, time: 0)]))
        let other = EventQuery(instrument: Instrument(venue: "TEST", symbol: "none"), kind: .trade)
        #expect(try await stand.read(other).isEmpty)
        #expect(try await stand.read(EventQuery(instrument: Market.instrument, kind: .quote)).isEmpty)
    }

    @Test func boundsAreFromInclusiveToExclusive() async throws {
        let stand = try await Stand()
        let times: [Int64] = [-Market.hour, -1, 0, 1, 2, Market.hour - 1, Market.hour, Market.hour + 1]
        let events = times.enumerated().map { Market.trade(at: Int64($0), time: $1) }
        _ = try await stand.bucketWriter().write(Market.buckets(events))
        for from in times + times.map({ $0 + 1 }) {
            for to in times + times.map({ $0 + 1 }) {
                let read = try await stand.read(query(from: from, to: to)).map(\.time)
                #expect(read == times.filter { $0 >= from && $0 < to }, "\(from) to \(to)")
            }
            #expect(try await stand.read(query(from: from)).map(\.time) == times.filter { $0 >= from })
            #expect(try await stand.read(query(to: from)).map(\.time) == times.filter { $0 < from })
        }
    }

    @Test func timesBefore1970() async throws {
        let stand = try await Stand()
        let events = [-2, -1, 0, 1].enumerated().map { index, time in
            Market.trade(at: Int64(index), time: Int64(time) - Market.start)
        }
        _ = try await stand.bucketWriter().write(Market.buckets(events))
        #expect(stand.documents.count == 2)
        #expect(try await stand.read().map(\.number) == [0, 1, 2, 3])
        #expect(try await stand.read(query(from: -1 - Market.start, to: 1 - Market.start)).map(\.number) == [1, 2])
    }

    @Test func eventTimeThenSourceThenPosition() async throws {
        let stand = try await Stand()
        let writer = stand.bucketWriter()
        let a = [(5, 10), (6, 10), (7, 3), (8, 20)].map { Market.trade(at: $0, time: $1) }
        let b = [(1, 10), (2, 3), (3, 10)].map { Market.trade(at: $0, time: $1) }
        _ = try await writer.write(Market.buckets(b, source: "b") + Market.buckets(a, source: "a"))
        let read = try await stand.read().map { [$0.time, $0.number] }
        #expect(read == [[3, 7], [3, 2], [10, 5], [10, 6], [10, 1], [10, 3], [20, 8]])
    }

    @Test func lateEventsFindTheirPlaceAcrossPartsAndWindows() async throws {
        let stand = try await Stand()
        let writer = stand.bucketWriter()
        var generator = SplitMix64(seed: 4)
        var events: [MarketEvent] = []
        var position: Int64 = 0
        for round in Int64(0)..<14 {
            var part = Market.noise(3_500, first: position, time: round * Market.hour / 6)
            for index in part.indices where index % 50 == 0 {
                // Up to three hours late.
                let late = Int64(generator.nextIndex(below: Int(3 * Market.hour)))
                part[index].eventTime.nanoseconds -= late
            }
            position += 3_500
            events += part
            _ = try await writer.write(Market.buckets(part))
        }
        #expect(stand.documents.contains { $0[MarketDataCollection.Field.part] == 1 })
        let expected = events.sorted {
            ($0.eventTime, $0.position) < ($1.eventTime, $1.position)
        }
        let read = try await stand.read()
        #expect(read.map(\.event.eventTime) == expected.map(\.eventTime))
        let prices = expected.map { event in
            if case .trade(let trade) = event.payload { trade.price } else { ExactDecimal.absent }
        }
        #expect(read.map(\.price) == prices)
        #expect(try await stand.verify().isClean)
    }

    /// Buckets that do not overlap are handed out one by one, and none is fetched before it is needed.
    @Test func onlyOverlappingBucketsWait() async throws {
        let stand = try await Stand()
        let events = (Int64(0)..<5_000).map { Market.trade(at: $0, time: $0 * Market.hour / 100) }
        _ = try await stand.bucketWriter().write(Market.buckets(events))
        #expect(stand.documents.count == 50)
        let reader = BucketReader(reading: stand.writer, query())
        let before = stand.store.operationCount
        var batches = 0
        var read: [Int64] = []
        while let next = try await reader.next() {
            batches += 1
            #expect(next.count == 100)
            #expect(stand.store.operationCount - before == 2 + batches, "a moment, an outline, one read a bucket")
            read += next.map(\.time)
        }
        #expect(batches == 50)
        #expect(read == events.map { $0.eventTime.nanoseconds - Market.start })
    }

    @Test func bucketsOutsideAreNotFetched() async throws {
        let stand = try await Stand()
        let events = (Int64(0)..<50).map { Market.trade(at: $0, time: $0 * Market.hour) }
        _ = try await stand.bucketWriter().write(Market.buckets(events))
        let before = stand.store.operationCount
        #expect(try await stand.read(query(from: 10 * Market.hour, to: 13 * Market.hour)).count == 3)
        #expect(stand.store.operationCount - before == 5)
    }

    @Test func textsOfIdentifiers() async throws {
        let stand = try await Stand()
        var pending = Market.buckets([Market.trade(at: 0, time: 0)])
        for (index, text) in ["a-1", "", "Ωμ"].enumerated() {
            let id = pending[0].texts.add(Array(text.utf8))
            pending[0].events.append(Market.trade(at: Int64(index + 1), time: 1, id: id))
        }
        pending[0].events.append(Market.trade(at: 4, time: 1, id: EventID(number: 77)))
        _ = try await stand.bucketWriter().write(pending)
        #expect(try await stand.read().map(\.idText) == [nil, "a-1", "", "Ωμ", nil])
    }

    @Test func aDamagedBlockIsNamedAndNotSkipped() async throws {
        let stand = try await Stand()
        _ = try await stand.bucketWriter().write(Market.buckets([Market.trade(at: 0, time: 0)]))
        let damaged = try await stand.damaged { _, document in document.changingBlocks { $0[0][50] ^= 1 } }
        let error = await #expect(throws: StoreError.self) { try await damaged.read() }
        #expect(error?.code == .unreadable)
        #expect(error?.message.hasPrefix("block 0 of bucket TEST/file|trade|TEST:A-B|") == true)
        #expect(error?.message.contains("checksum_mismatch") == true)
    }

    @Test func passingFaultsOfReadsAreSatOut() async throws {
        let stand = try await Stand()
        _ = try await stand.bucketWriter().write(Market.buckets([Market.trade(at: 0, time: 0)]))
        stand.store.injectReads([.unavailable, .none, .unavailable])
        #expect(try await stand.read().count == 1)
    }
}

extension BSONDocument {
    /// The bucket with other blocks, and nothing else changed.
    func changingBlocks(_ change: (inout [[UInt8]]) -> Void) -> BSONDocument {
        let field = MarketDataCollection.Field.blocks
        var blocks = self[field]?.array?.compactMap(\.binary) ?? []
        change(&blocks)
        return setting(field, .array(blocks.map(BSONValue.binary)))
    }
}
