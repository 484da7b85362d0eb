import BSON
import DocumentStore
import MarketData
import SimulatedStore
import TickStore

/// What must hold of events that retention deleted: each is in a document whose record counts it, and in the archive.
extension Judge {
    private typealias Field = MarketDataCollection.Field
    private typealias Audit = DeletionsCollection.Field

    /// The documents without events.
    var tombstones: [BSONDocument] {
        store.documents(in: MarketDataCollection.name).filter { $0[Field.deletedEventCount] != nil }
    }

    /// The file of a tombstone, by the record of its deletion.
    ///
    /// - Returns: nil, with what is wrong, where the record does not fit.
    func file(of tombstone: BSONDocument) -> (bytes: [UInt8]?, problems: [String]) {
        let id = tombstone[DocumentField.id]?.string ?? ""
        let recordID = "\(id)|\((tombstone[DocumentField.version]?.integer ?? 0) - 1)"
        let records = store.documents(in: DeletionsCollection.name)
        guard let record = records.first(where: { $0[DocumentField.id]?.string == recordID }) else {
            return (nil, ["\(id) has no events, and no record says why"])
        }
        var problems: [String] = []
        let counts = [
            (Audit.events, Field.deletedEventCount), (Audit.bytes, Field.deletedBytes),
            (Audit.checksum, Field.deletedChecksum),
        ]
        for (audit, field) in counts where record[audit] != tombstone[field] {
            problems.append("\(field) of \(id) is not what its record says")
        }
        let name = record[Audit.archive]?.document?[Audit.archiveFile]?.string ?? ""
        guard let bytes = archive?.files[name] else { return (nil, problems + ["\(id) is not in the archive"]) }
        return (bytes, problems)
    }

    /// Compares what can be read, and what was deleted, with the model; `read` is by symbol.
    func problems(afterDeletions read: [String: [PlainEvent]]) async throws -> [String] {
        var problems: [String] = []
        let other = SimulatedStore(seed: 1, faults: FaultPlan(), clock: store.clock)
        let writer = VersionedWriter(
            store: other,
            policy: RetryPolicy(deadline: .seconds(1)),
            environment: store.clock.environment
        )
        let ids = OperationIDs(process: 1, start: 0)
        var counted: Int64 = 0
        for tombstone in tombstones {
            let (bytes, found) = file(of: tombstone)
            problems += found
            counted += tombstone[Field.deletedEventCount]?.integer ?? 0
            guard let bytes else { continue }
            let segment = try ArchivedSegment(file: bytes)
            let outcome = try await SegmentRestorer(writer: writer, operationIDs: ids).restore(segment)
            if outcome != .restored { problems.append("\(segment.id) in another store: \(outcome)") }
        }
        for symbol in tape.symbols {
            let deleted = try await self.read(symbol, writer)
            counted -= Int64(deleted.count)
            problems += self.problems(ofExport: read[symbol] ?? [], symbol, before: [])
            problems += self.problems(ofExport: deleted, symbol, before: [])
            problems += difference(symbol, (read[symbol] ?? []) + deleted)
        }
        if counted != 0 { problems.append("records count \(counted) events more than the archive has") }
        return problems
    }

    /// Every event is there once, be it to be read or deleted; repetitions may have been left out.
    private func difference(_ symbol: String, _ found: [PlainEvent]) -> [String] {
        let counts = found.reduce(into: [PlainEvent: Int]()) { $0[$1, default: 0] += 1 }
        var all: [PlainEvent: (most: Int, least: Int)] = [:]
        for event in expected(symbol) {
            let known = all[event.asStored] ?? (0, 0)
            all[event.asStored] = (known.most + 1, known.least + (event.isRepetition == true ? 0 : 1))
        }
        let wrong = Set(counts.keys).union(all.keys).filter { event in
            let (most, least) = all[event] ?? (0, 0)
            return !(least...most).contains(counts[event] ?? 0)
        }
        return wrong.map { "\(symbol): \(counts[$0] ?? 0) times in all, not \(all[$0]?.most ?? 0): \($0)" }.sorted()
    }
}
