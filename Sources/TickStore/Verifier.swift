import BSON
public import DocumentStore
import MarketData
import TickCodec

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
    /// The first findings, up to `findingsMax`; all are counted.
    public var findings: [Finding] = []
    public var findingCount = 0

    public static let findingsMax = 100

    public var isClean: Bool { findingCount == 0 }

    mutating func add(_ bucket: String, _ problem: String) {
        findingCount += 1
        if findings.count < Self.findingsMax { findings.append(Finding(bucket: bucket, problem: problem)) }
    }
}

/// Reads every bucket back and checks it against itself and its neighbours.
///
/// Never writes, never stops at a fault.
///
/// Checked are: the checksum of every block and of the bucket, that every block decodes, counts, the range of event
/// times, that positions ascend from block to block and end at `applied_through`, that every event lies in the
/// window, the summary of prices and volume, the version, and that the parts of a window are complete, closed but
/// for the last one, and continue each other. Used by one task at a time.
public final class Verifier {
    private typealias Field = MarketDataCollection.Field

    private let writer: VersionedWriter
    private let decoder = BlockDecoder()
    private var report = VerificationReport()
    /// The part before, by which the next one is checked.
    private var previous: PartOutline?

    private static let bucketsPerRead = 16
    /// The names of the buckets are in memory at once; beyond this the report says that it is not complete.
    private static let bucketsMax = 1_000_000

    public init(reading writer: VersionedWriter) {
        self.writer = writer
    }

    private struct PartOutline {
        let lane: [BSONValue?]
        let part: Int64
        let isClosed: Bool
        let appliedThrough: Int64
    }

    /// Checks everything; `progress` is told the counts so far after every read.
    ///
    /// - Throws: `StoreError` where the store cannot be read.
    public func verify(
        progress: (VerificationReport) -> Void = { _ in }
    ) async throws(StoreError) -> VerificationReport {
        report = VerificationReport()
        previous = nil
        // Buckets are visited window by window; ids do not sort by window and part, so the outline does.
        for batch in try await outline() {
            let documents = try await writer.find(
                DocumentQuery(
                    MarketDataCollection.name,
                    where: [.isIn(DocumentField.id, batch)],
                    order: [],
                    limit: Self.bucketsPerRead
                )
            )
            let found = Dictionary(
                documents.compactMap { document in document[DocumentField.id]?.string.map { ($0, document) } },
                uniquingKeysWith: { first, _ in first }
            )
            for id in batch {
                // A bucket that was there a moment ago and is gone was removed by another job: that is no fault.
                guard let name = id.string, let document = found[name] else { continue }
                verify(document, name)
            }
            progress(report)
        }
        return report
    }

    private func outline() async throws(StoreError) -> [[BSONValue]] {
        let order = [Field.instrumentSymbol, Field.kind, Field.windowStart, Field.source, Field.part]
        let documents = try await writer.find(
            DocumentQuery(
                MarketDataCollection.name,
                order: order.map { DocumentQuery.Order($0) },
                fields: .only([DocumentField.id]),
                limit: Self.bucketsMax
            )
        )
        if documents.count == Self.bucketsMax {
            report.add("", "there are more buckets than are checked at once: only \(Self.bucketsMax) were")
        }
        let ids = documents.compactMap { $0[DocumentField.id] }
        return stride(from: 0, to: ids.count, by: Self.bucketsPerRead).map {
            Array(ids[$0..<min($0 + Self.bucketsPerRead, ids.count)])
        }
    }
}

extension Verifier {
    private func verify(_ document: BSONDocument, _ id: String) {
        report.buckets += 1
        let state: BucketState
        do throws(StoreError) {
            state = try BucketState(document)
        } catch {
            report.add(id, error.message)
            return
        }
        let appliedBefore = verifyContinuity(document, state, id)
        guard let blocks = document[Field.blocks]?.array else {
            report.add(id, "there are no blocks")
            return
        }
        check(id == Self.expectedID(document, state), id, "the id does not match the fields")
        // Every change appends at least one block, so a writer never makes a version above the number of blocks.
        check(state.version >= 1 && state.version <= Int64(blocks.count), id, "the version does not match the blocks")
        let content = BucketContent(after: appliedBefore)
        verifyBlocks(blocks, document, state, content, id)
    }

    private static func expectedID(_ document: BSONDocument, _ state: BucketState) -> String? {
        guard let source = document[Field.source]?.string, let start = document[Field.windowStart]?.integer,
            let kind = document[Field.kind]?.string.flatMap(EventKind.init(name:)),
            let instrument = document[Field.instrumentSymbol]?.string.flatMap(Instrument.init(parsing:))
        else { return nil }
        return BucketKey(source: source, instrument: instrument, kind: kind, windowStart: start)
            .documentKey(part: state.part).id.string
    }

    /// Checks a part against the part before it in the same window.
    ///
    /// - Returns: the position that the part before ends at, if there is one.
    private func verifyContinuity(_ document: BSONDocument, _ state: BucketState, _ id: String) -> Int64? {
        var appliedBefore: Int64?
        let laneFields = [Field.instrumentSymbol, Field.kind, Field.windowStart, Field.source]
        let lane = laneFields.map { document[$0] }
        if let previous, previous.lane == lane {
            check(state.part == previous.part + 1, id, "part \(previous.part + 1) of the window is missing")
            check(previous.isClosed, id, "the part before was not closed")
            appliedBefore = previous.appliedThrough
        } else {
            check(state.part == 0, id, "the first parts of the window are missing")
        }
        previous = PartOutline(
            lane: lane,
            part: state.part,
            isClosed: state.isClosed,
            appliedThrough: state.appliedThrough
        )
        return appliedBefore
    }

    private func verifyBlocks(
        _ blocks: [BSONValue],
        _ document: BSONDocument,
        _ state: BucketState,
        _ empty: BucketContent,
        _ id: String
    ) {
        var content = empty
        for (number, value) in blocks.enumerated() {
            report.blocks += 1
            guard let bytes = value.binary else {
                report.add(id, "block \(number) is not binary")
                return
            }
            report.bytes += bytes.count
            do throws(BlockError) {
                let block = try decoder.decode(bytes)
                report.events += block.header.count
                for problem in content.add(block, bytes) { report.add(id, "block \(number) \(problem)") }
            } catch {
                report.add(id, "block \(number): \(error)")
                return
            }
        }
        check(content.checksum == state.checksum, id, "the checksum of the bucket does not match its blocks")
        check(content.byteCount == state.blockBytes, id, "block_bytes does not match the blocks")
        check(Int64(blocks.count) == state.blockCount, id, "block_count does not match the blocks")
        check(content.count == state.eventCount, id, "event_count does not match the blocks")
        check(content.firstEventTime == state.firstEventTime, id, "first_event_time does not match the events")
        check(content.lastEventTime == state.lastEventTime, id, "last_event_time does not match the events")
        check(content.lastPosition == state.appliedThrough, id, "applied_through is not the position of the last event")
        check(content.summary == state.summary, id, "the summary of prices and volume does not match the events")
        if let kind = document[Field.kind]?.string.flatMap(EventKind.init(name:)) {
            check(content.kind == kind, id, "a block holds events of another kind")
            let window = document[Field.windowStart]?.integer
            let inWindow = [content.firstEventTime, content.lastEventTime]
                .allSatisfy { kind.windowStart(of: Timestamp(nanoseconds: $0)) == window }
            check(inWindow, id, "an event lies outside the window")
        }
    }

    private func check(_ condition: Bool, _ id: String, _ problem: String) {
        if !condition { report.add(id, problem) }
    }
}

/// What the blocks of a bucket add up to.
private struct BucketContent {
    var count: Int64 = 0
    var byteCount: Int64 = 0
    var checksum: UInt32 = 0
    var firstEventTime = Int64.max
    var lastEventTime = Int64.min
    var lastPosition: Int64
    var kind: EventKind?
    var summary: BucketSummary?

    init(after position: Int64?) {
        lastPosition = position ?? .min
    }

    /// Adds a block; answers what is wrong with it.
    mutating func add(_ block: DecodedBlock, _ bytes: [UInt8]) -> [String] {
        var problems: [String] = []
        if block.header.positions.lowerBound <= lastPosition {
            problems.append("does not continue the positions of the one before")
        }
        if let kind, kind != block.header.kind { problems.append("holds events of another kind than the one before") }
        let times = block.events.lazy.map(\.eventTime.nanoseconds)
        if times.min() != block.header.eventTimes.lowerBound || times.max() != block.header.eventTimes.upperBound {
            problems.append("holds other event times than its header says")
        }
        kind = block.header.kind
        count += Int64(block.header.count)
        byteCount += Int64(bytes.count)
        checksum = BlockChecksum.extend(checksum, bytes)
        firstEventTime = min(firstEventTime, block.header.eventTimes.lowerBound)
        lastEventTime = max(lastEventTime, block.header.eventTimes.upperBound)
        lastPosition = block.header.positions.upperBound
        if summary == nil {
            summary = BucketSummary(block.events)
        } else {
            summary?.add(block.events)
        }
        return problems
    }
}
