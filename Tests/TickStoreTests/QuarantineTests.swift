import BSON
import DocumentStore
import MarketData
import SimulatedStore
import Testing

@testable import TickStore

/// Damaged documents are taken out of the way, and the rest stays readable.
@Suite struct QuarantineTests {
    private typealias Field = MarketDataCollection.Field

    private func scrub(_ stand: Stand, pace: BytePace? = nil) async throws -> VerificationReport {
        let ids = OperationIDs(process: 60, start: UInt64(stand.store.operationCount) << 20)
        return try await Verifier(scrubbing: stand.writer, operationIDs: ids, pace: pace).verify()
    }

    /// Three hours with an event each; one is damaged.
    private func damaged(hour: Int64 = 1) async throws -> Stand {
        let stand = try await Stand()
        let events = (Int64(0)..<3).map { Market.trade(at: $0, time: $0 * Market.hour) }
        _ = try await stand.bucketWriter().write(Market.buckets(events))
        return try await stand.damaged { id, document in
            guard id.hasSuffix("|\(Market.start + hour * Market.hour)|0") else { return document }
            return document.changingBlocks { $0[0][50] ^= 1 }
        }
    }

    @Test func theRestStaysReadable() async throws {
        let stand = try await damaged()
        await #expect(throws: StoreError.self) { try await stand.read() }
        let report = try await scrub(stand)
        #expect(report.quarantined == 1 && report.findingCount == 1)
        let reader = BucketReader(reading: stand.writer, EventQuery(instrument: Market.instrument, kind: .trade))
        var read: [Int64] = []
        while let events = try await reader.next() { read += events.map(\.number) }
        #expect(read == [0, 2] && reader.leftOut.count == 1)
        let list = try await QuarantineList.load(stand.writer, limit: 10)
        #expect(list.map(\.bucket) == reader.leftOut && list[0].reason.contains("checksum_mismatch"))
        // A second round finds it there, and changes nothing.
        let documents = stand.documents
        #expect(try await scrub(stand).quarantined == 1)
        #expect(stand.documents == documents)
    }

    @Test func theNewestAreThoseOutsideOfIt() async throws {
        let stand = try await damaged(hour: 2)
        _ = try await scrub(stand)
        let query = EventQuery(instrument: Market.instrument, kind: .trade)
        let newest = try await NewestEvents.read(2, reading: stand.writer, query)
        #expect(newest.events.map(\.number) == [0, 1])
        #expect(newest.leftOut == (try await QuarantineList.load(stand.writer, limit: 10).map(\.bucket)))
    }

    @Test func itTakesNoMoreEventsAndIsNotCompacted() async throws {
        let stand = try await damaged()
        _ = try await scrub(stand)
        let before = stand.documents.first { $0[Field.quarantined] != nil }
        let late = [Market.trade(at: 3, time: Market.hour + 1)]
        #expect(try await stand.bucketWriter().write(Market.buckets(late)).counts == .init(stored: 1, alreadyStored: 0))
        #expect(try await stand.read().map(\.number) == [0, 3, 2])
        let report = try await stand.compact()
        #expect(report.sealed == 3 && report.findingCount == 0)
        #expect(stand.documents.contains { $0 == before }, "it is left as it is")
        #expect(try await stand.read().map(\.number) == [0, 3, 2])
        let again = try await stand.bucketWriter(process: 3).write(Market.buckets(late))
        #expect(again.counts == .init(stored: 0, alreadyStored: 1))
    }

    @Test func whatIsSoundAgainIsLetOut() async throws {
        let stand = try await damaged()
        _ = try await scrub(stand)
        let repaired = try await stand.damaged { id, document in
            document[Field.quarantined] == nil ? document : document.changingBlocks { $0[0][50] ^= 1 }
        }
        #expect(try await scrub(repaired).quarantined == 0)
        #expect(try await repaired.read().map(\.number) == [0, 1, 2])
        #expect(try await QuarantineList.load(repaired.writer, limit: 10).isEmpty)
    }

    @Test func whatCannotBeReadIsNotLetOut() async throws {
        let stand = try await damaged()
        _ = try await scrub(stand)
        let unreadable = try await stand.damaged { _, document in
            document[Field.quarantined] == nil ? document : document.setting(Field.kind, "unknown")
        }
        let report = try await scrub(unreadable)
        #expect(report.findingCount == 1 && report.quarantined == 1)
        #expect(try await QuarantineList.load(unreadable.writer, limit: 10).count == 1)
    }

    @Test func aPaceIsKept() async throws {
        let stand = try await damaged()
        let before = stand.clock.environment.now()
        let bytes = stand.documents.reduce(0) { $0 + $1.bytes.count }
        _ = try await scrub(stand, pace: BytePace(bytesPerSecond: bytes / 10, environment: stand.clock.environment))
        #expect(stand.clock.environment.now() - before >= .seconds(9))
    }
}
