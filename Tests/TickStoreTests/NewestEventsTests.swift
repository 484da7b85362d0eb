import BSON
import DocumentStore
import MarketData
import SimulatedStore
import Testing

@testable import TickStore

/// The newest events, and parts of documents.
@Suite struct NewestEventsTests {
    private let query = EventQuery(instrument: Market.instrument, kind: .trade)

    /// Events of two days and two sources, some late, with blocks of every kind.
    private func stand(compacted: Bool) async throws -> Stand {
        let stand = try await Stand()
        var generator = SplitMix64(seed: 9)
        for source in ["a", "b"] {
            let writer = stand.bucketWriter()
            for round in Int64(0)..<8 {
                let events = (Int64(0)..<60).map { index in
                    let late = Int64(generator.nextIndex(below: 8)) == 0 ? Market.hour * 2 : 0
                    let time = (round * 60 + index) * Market.hour / 10 - late
                    return Market.trade(at: round * 60 + index, time: time)
                }
                _ = try await writer.write(Market.buckets(events, source: source))
                if compacted, round == 5 { _ = try await stand.compact() }
            }
        }
        return stand
    }

    @Test(arguments: [false, true])
    func theLastOfAll(compacted: Bool) async throws {
        let stand = try await stand(compacted: compacted)
        let all = try await stand.read().map { [$0.time, $0.number] }
        for count in [1, 2, 59, 60, 500, 960, 961, 5_000] {
            let newest = try await NewestEvents.read(count, reading: stand.writer, query).events
            #expect(newest.map { [$0.time, $0.number] } == Array(all.suffix(count)), "\(count)")
        }
        #expect(try await NewestEvents.read(0, reading: stand.writer, query).events.isEmpty)
    }

    @Test func theLastBeforeATime() async throws {
        let stand = try await stand(compacted: true)
        for to in [Market.hour / 2, 5 * Market.hour, 30 * Market.hour + 1] {
            let bounded = EventQuery(
                instrument: Market.instrument,
                kind: .trade,
                from: Timestamp(nanoseconds: Market.start - Market.hour),
                to: Timestamp(nanoseconds: Market.start + to)
            )
            let all = try await stand.read(bounded).map { [$0.time, $0.number] }
            for count in [1, 7, 100] {
                let newest = try await NewestEvents.read(count, reading: stand.writer, bounded).events
                #expect(newest.map { [$0.time, $0.number] } == Array(all.suffix(count)), "\(count) before \(to)")
            }
        }
    }

    /// What is fetched does not grow with what is stored.
    @Test func olderDocumentsAreNotRead() async throws {
        var operations: [Int] = []
        for hours in [Int64(40), 400] {
            let stand = try await Stand()
            let events = (Int64(0)..<hours).map { Market.trade(at: $0, time: $0 * Market.hour) }
            _ = try await stand.bucketWriter().write(Market.buckets(events))
            let before = stand.store.operationCount
            let newest = try await NewestEvents.read(2, reading: stand.writer, query).events
            #expect(newest.map(\.number) == [hours - 2, hours - 1])
            operations.append(stand.store.operationCount - before)
        }
        #expect(operations[0] == operations[1])
    }

    /// Blocks of a sealed document that lie outside of what is asked for are not fetched.
    @Test func onlyOverlappingBlocksAreFetched() async throws {
        let stand = try await Stand()
        let writer = stand.bucketWriter()
        let events = Market.noise(50_000, first: 0, time: 0, step: 1_000)
        _ = try await writer.write(Market.buckets(Array(events[..<49_000])))
        _ = try await stand.compact()
        let outlines = try stand.documents.map { try BucketOutline($0) }
        let outline = try #require(outlines.max { $0.sealedBlockCount < $1.sealedBlockCount })
        #expect(outline.sealedBlockCount > 2 && outline.sealedTimes.count == 2 * Int(outline.sealedBlockCount))
        let middle = outline.sealedTimes[2]
        #expect(outline.blocks(within: middle..<(middle + 1)) == 1..<2)
        #expect(outline.blocks(within: .min..<outline.sealedTimes[0]).isEmpty)
        #expect(outline.blocks(within: .min..<Int64.max) == 0..<Int(outline.sealedBlockCount))
        // Every range gives what a filter of everything gives, also with events that are not sealed.
        _ = try await writer.write(Market.buckets(Array(events[49_000...])))
        let all = try await stand.read().map(\.time)
        for from in stride(from: Int64(0), to: 50_000_000, by: 7_777_000) {
            for length in [Int64(1), 1_000, 9_000_000, 100_000_000] {
                let bounded = EventQuery(
                    instrument: Market.instrument,
                    kind: .trade,
                    from: Timestamp(nanoseconds: Market.start + from),
                    to: Timestamp(nanoseconds: Market.start + from + length)
                )
                #expect(try await stand.read(bounded).map(\.time) == all.filter { $0 >= from && $0 < from + length })
            }
        }
    }
}
