import BSON
public import DocumentStore
import MarketData

/// What a verification found.
public struct VerificationReport: Equatable, Sendable {
    /// One fault of one bucket.
    public struct Finding: Equatable, Sendable {
        public let bucket: String
        public let problem: String
    }

    public var buckets = 0
    public var blocks = 0
    public var events = 0
    public var bytes = 0
    /// Buckets whose events retention deleted, and how many these were.
    public var deletedBuckets = 0
    public var deletedEvents = 0
    /// Damaged documents that are in quarantine now, where that was asked for.
    public var quarantined = 0
    /// Buckets that a newer program wrote: they are not checked, and no fault.
    public var newer = 0
    /// The first findings, up to `findingsMax`; all are counted.
    public var findings: [Finding] = []
    public var findingCount = 0

    public static let findingsMax = 100

    public var isClean: Bool { findingCount == 0 }
    /// Whether all that is stored was checked.
    public var isComplete: Bool { newer == 0 }

    mutating func add(_ bucket: String, _ problem: String) {
        findingCount += 1
        if findings.count < Self.findingsMax { findings.append(Finding(bucket: bucket, problem: problem)) }
    }
}

/// Reads every document of market data back and checks it against itself and its neighbours.
///
/// Never writes, never stops at a fault.
///
/// Checked are: the checksum of every block and of the document, that every block decodes, counts, the range of event
/// times, that positions ascend from hot block to hot block and end at `applied_through`, that sealed blocks are in
/// the order of event time, that every event lies in its window, the summary of prices and volume, the version, and
/// that the parts of a window are complete, each in one document only, closed but for the last one, and continue each
/// other. Of documents whose events retention deleted, the places of their parts are checked, and that nothing is left
/// in them. Used by one task at a time.
public final class Verifier {
    private typealias Field = MarketDataCollection.Field

    private let writer: VersionedWriter
    private let quarantine: BucketQuarantine?
    private var pace: BytePace?
    private var report = VerificationReport()

    /// Documents are fetched together while their blocks have no more bytes than this.
    private static let bytesPerRead: Int64 = 4 << 20
    private static let bucketsPerRead = 16
    /// The outlines of one instrument are in memory at once; beyond this the report says that it is not complete.
    private static let bucketsMax = 1_000_000

    public init(reading writer: VersionedWriter) {
        self.writer = writer
        quarantine = nil
    }

    /// Verifies, and puts damaged documents into quarantine, so that all others can be read; those that are sound again
    /// are let out.
    ///
    /// - Parameter pace: how much is read per second, so that others are not disturbed; nil for as fast as possible.
    public init(scrubbing writer: VersionedWriter, operationIDs: OperationIDs, pace: BytePace?) {
        self.writer = writer
        quarantine = BucketQuarantine(writer: writer, operationIDs: operationIDs)
        self.pace = pace
    }

    /// Checks everything; `progress` is told the counts so far after every read.
    ///
    /// - Throws: `StoreError` where the store cannot be read.
    public func verify(
        progress: (VerificationReport) -> Void = { _ in }
    ) async throws(StoreError) -> VerificationReport {
        report = VerificationReport()
        var list = InstrumentList(writer, nil)
        while let instrument = try await list.next() {
            try await verify(instrument, progress)
        }
        return report
    }

    private func verify(
        _ instrument: String,
        _ progress: (VerificationReport) -> Void
    ) async throws(StoreError) {
        let documents = try await outlines(instrument)
        let places = LanePlaces(documents)
        for batch in Self.batches(documents) {
            let query = DocumentQuery(
                MarketDataCollection.name,
                where: [
                    .isIn(DocumentField.id, batch.map { .string($0) }),
                    .equals(Field.instrumentSymbol, .string(instrument)),
                ],
                limit: batch.count
            )
            let found = Dictionary(
                try await writer.find(query).compactMap { document in
                    document[DocumentField.id]?.string.map { ($0, document) }
                },
                uniquingKeysWith: { first, _ in first }
            )
            // A document that was there a moment ago and is gone went into a segment: that is no fault.
            for id in batch {
                guard let document = found[id], document[Field.replacedBy] == nil else { continue }
                report.buckets += 1
                // What cannot be read is reported, and stays in quarantine or out of it, as it is.
                guard let outline = readable(document, id) else {
                    if quarantine != nil, document[Field.quarantined] != nil { report.quarantined += 1 }
                    continue
                }
                let damage = verify(document, outline, id, places.place(of: id))
                if let quarantine, try await quarantine.put(outline, damage) { report.quarantined += 1 }
            }
            progress(report)
            try await pace?.wait(afterReading: found.values.reduce(0) { $0 + $1.bytes.count })
        }
    }

    private func outlines(_ instrument: String) async throws(StoreError) -> [BSONDocument] {
        let order = [Field.instrumentSymbol, Field.kind, Field.windowStart, Field.source, Field.part]
        var query = DocumentQuery(
            MarketDataCollection.name,
            where: [.equals(Field.instrumentSymbol, .string(instrument))],
            order: order.map { DocumentQuery.Order($0) },
            fields: .only(BucketOutline.fields),
            limit: Self.bucketsMax
        )
        query.isSnapshot = true
        let documents = try await writer.find(query)
        if documents.count == Self.bucketsMax {
            report.add("", "\(instrument) has more buckets than are checked: only \(Self.bucketsMax) were")
        }
        return documents
    }

    private static func batches(_ documents: [BSONDocument]) -> [[String]] {
        var batches: [[String]] = []
        var bytes: Int64 = 0
        for document in documents {
            guard let id = document[DocumentField.id]?.string, document[Field.replacedBy] == nil else { continue }
            let size = document[Field.blockBytes]?.integer ?? 0
            let isFull = (batches.last?.count ?? 0) >= bucketsPerRead || bytes + size > bytesPerRead
            if batches.isEmpty || isFull {
                batches.append([])
                bytes = 0
            }
            batches[batches.count - 1].append(id)
            bytes += size
        }
        return batches
    }
}

extension Verifier {
    private func readable(_ document: BSONDocument, _ id: String) -> BucketOutline? {
        do throws(StoreError) {
            return try BucketOutline(document)
        } catch {
            if error.code == .newerSchema { report.newer += 1 } else { report.add(id, error.message) }
            return nil
        }
    }

    /// Checks a document, and answers what is wrong with its content, if anything is.
    private func verify(
        _ document: BSONDocument,
        _ outline: BucketOutline,
        _ id: String,
        _ place: LanePlaces.Place
    ) -> String? {
        for problem in place.problems { report.add(id, problem) }
        guard let blocks = document[Field.blocks]?.array else {
            report.add(id, "there are no blocks")
            return "there are no blocks"
        }
        check(id == outline.documentKey.id.string, id, "the id does not match the fields")
        let slot = BucketSlot.make(windowStart: outline.windowStart, part: outline.state.part)
        let hasOwnSlot = outline.isSegment || outline.storedSlots == [slot]
        check(hasOwnSlot, id, "the slots do not match window and part")
        if let deleted = outline.deleted {
            verifyTombstone(outline, deleted, blocks)
            return nil
        }
        check(outline.state.version >= 1, id, "the version is less than one")
        let before = report.findingCount
        var content = BucketContent(outline, after: place.appliedBefore)
        for (number, value) in blocks.enumerated() {
            report.blocks += 1
            guard let bytes = value.binary else {
                report.add(id, "block \(number) is not binary")
                return "block \(number) is not binary"
            }
            report.bytes += bytes.count
            switch content.add(bytes) {
            case .success(let problems):
                for problem in problems { report.add(id, "block \(number) \(problem)") }
            case .failure(let error):
                report.add(id, "block \(number): \(error)")
                return "block \(number): \(error)"
            }
        }
        report.events += Int(content.count)
        let problems = content.problems(with: document)
        for problem in problems { report.add(id, problem) }
        return report.findingCount > before ? problems.first ?? "a block does not match its neighbours" : nil
    }

    private func verifyTombstone(_ outline: BucketOutline, _ deleted: BucketOutline.Deleted, _ blocks: [BSONValue]) {
        report.deletedBuckets += 1
        report.deletedEvents += Int(deleted.eventCount)
        let state = outline.state
        let isEmpty =
            blocks.isEmpty && state.blockCount == 0 && state.blockBytes == 0 && state.eventCount == 0
            && outline.sealedBlockCount == 0 && state.checksum == 0 && state.summary == nil
        check(isEmpty, outline.id, "something is left of events that were deleted")
        check(state.isClosed, outline.id, "its events were deleted, and it takes new ones")
        let isSound = deleted.eventCount > 0 && deleted.bytes > 0 && state.version > 1
        check(isSound, outline.id, "it does not say what was deleted")
    }

    private func check(_ condition: Bool, _ id: String, _ problem: String) {
        if !condition { report.add(id, problem) }
    }
}
