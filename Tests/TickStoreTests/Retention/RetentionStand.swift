import BSON
import DocumentStore
import MarketData
import SimulatedStore

@testable import TickStore

/// Market data whose time is over, and what deletes it and brings it back.
enum Retention {
    typealias Audit = DeletionsCollection.Field
    typealias Field = MarketDataCollection.Field

    /// Everything that was traded may go an hour after its window.
    static let rules = [RetentionRule(kind: .trade, keep: .seconds(3_600))]

    static func policy(_ rules: [RetentionRule] = Retention.rules) -> CompactionPolicy {
        CompactionPolicy(grace: 0, takesOpenWindows: true, retention: RetentionPolicy(rules: rules))
    }

    /// Events of three hours of one day, three in each.
    static var events: [MarketEvent] {
        (Int64(0)..<9).map { Market.trade(at: $0, time: $0 * Market.hour / 3) }
    }

    /// A store with these events, some days later.
    static func stand(seed: UInt64 = 1) async throws -> Stand {
        let stand = try await Stand(seed: seed)
        stand.clock.advance(by: .milliseconds(Market.start / 1_000_000 - SimulatedStore.timeAtStart))
        stand.clock.advance(by: .seconds(5 * 86_400))
        try await stand.store.prepare(DeletionsCollection.specification)
        _ = try await stand.bucketWriter().write(Market.buckets(events))
        return stand
    }
}

extension Stand {
    /// One run of the compaction job that deletes what is over.
    @discardableResult
    func retain(
        _ policy: CompactionPolicy = Retention.policy(),
        archive: (any SegmentArchive)? = nil,
        process: UInt32 = 60
    ) async throws -> CompactionReport {
        let ids = OperationIDs(process: process, start: UInt64(store.operationCount) << 20)
        return try await Compactor(writer: writer, operationIDs: ids, policy: policy, archive: archive).run()
    }

    func restore(
        _ bytes: [UInt8],
        keep: Duration = SegmentRestorer.keepDefault,
        process: UInt32 = 70
    ) async throws -> RestoreOutcome {
        let ids = OperationIDs(process: process, start: UInt64(store.operationCount) << 20)
        let restorer = SegmentRestorer(writer: writer, operationIDs: ids, keep: keep)
        return try await restorer.restore(ArchivedSegment(file: bytes))
    }

    /// The audit of deletions, in the order of ids.
    var deletions: [BSONDocument] { store.documents(in: DeletionsCollection.name) }

    /// What is wrong with the store after deletions are over: every tombstone has its completed record, and no record
    /// is without.
    func auditProblems() throws -> [String] {
        var problems: [String] = []
        var wanted: [String: BSONDocument] = [:]
        for record in deletions {
            let id = record[DocumentField.id]?.string ?? ""
            if record[Retention.Audit.completedAt] == .null { problems.append("\(id) is not completed") }
            if record[Retention.Audit.restoredAt] == .null { wanted[id] = record }
        }
        for outline in try outlines {
            guard let deleted = outline.deleted else { continue }
            guard let record = wanted.removeValue(forKey: "\(outline.id)|\(outline.state.version - 1)") else {
                problems.append("\(outline.id) has no record")
                continue
            }
            if record[Retention.Audit.events] != .int64(deleted.eventCount) { problems.append("\(outline.id): events") }
            if record[Retention.Audit.bytes] != .int64(deleted.bytes) { problems.append("\(outline.id): bytes") }
            if record[Retention.Audit.checksum] != .int64(Int64(deleted.checksum)) {
                problems.append("\(outline.id): checksum")
            }
        }
        return problems + wanted.keys.sorted().map { "\($0) is of no deletion" }
    }
}
