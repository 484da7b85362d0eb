import BSON
import DocumentStore
import MarketData
import TickCodec

/// What the blocks of a document add up to, and whether the document says the same.
struct BucketContent {
    private let outline: BucketOutline
    private let decoder = BlockDecoder()
    private let windows: Set<Int64>
    private(set) var count: Int64 = 0
    private var blockCount: Int64 = 0
    private var byteCount: Int64 = 0
    private var checksum: UInt32 = 0
    private var firstEventTime = Int64.max
    private var lastEventTime = Int64.min
    private var lastPosition: Int64
    private var sealedTimes: [Int64] = []
    private var kind: EventKind?
    private var isInWindows = true
    private var summary: BucketSummary?

    /// - Parameter position: where the part before ends, if there is one.
    init(_ outline: BucketOutline, after position: Int64?) {
        self.outline = outline
        lastPosition = position ?? .min
        windows = Set(outline.coveredWindows.map(\.start))
    }

    /// Adds the next block; answers what is wrong with it.
    mutating func add(_ bytes: [UInt8]) -> Result<[String], BlockError> {
        let block: DecodedBlock
        do throws(BlockError) {
            block = try decoder.decode(bytes)
        } catch {
            return .failure(error)
        }
        var problems: [String] = []
        let header = block.header
        if blockCount < outline.sealedBlockCount {
            if header.eventTimes.lowerBound < sealedTimes.last ?? .min {
                problems.append("does not continue the times of the one before")
            }
            if !block.events.isSortedByTime { problems.append("is not in the order of event time") }
            sealedTimes += [header.eventTimes.lowerBound, header.eventTimes.upperBound]
            lastPosition = max(lastPosition, header.positions.upperBound)
        } else {
            if header.positions.lowerBound <= lastPosition {
                problems.append("does not continue the positions of the one before")
            }
            lastPosition = header.positions.upperBound
        }
        if let kind, kind != header.kind { problems.append("holds events of another kind than the one before") }
        let times = block.events.lazy.map(\.eventTime.nanoseconds)
        if times.min() != header.eventTimes.lowerBound || times.max() != header.eventTimes.upperBound {
            problems.append("holds other event times than its header says")
        }
        kind = header.kind
        blockCount += 1
        count += Int64(header.count)
        byteCount += Int64(bytes.count)
        checksum = BlockChecksum.extend(checksum, bytes)
        firstEventTime = min(firstEventTime, header.eventTimes.lowerBound)
        lastEventTime = max(lastEventTime, header.eventTimes.upperBound)
        addEvents(block.events)
        return .success(problems)
    }

    private mutating func addEvents(_ events: ContiguousArray<MarketEvent>) {
        if summary == nil { summary = BucketSummary(events) } else { summary?.add(events) }
        var known = Int64.min
        for event in events {
            let window = outline.kind.windowStart(of: event.eventTime)
            guard window != known else { continue }
            known = window
            if !windows.contains(window) { isInWindows = false }
        }
    }

    /// What is wrong with a document and all of its blocks.
    static func problems(of outline: BucketOutline, _ document: BSONDocument, _ blocks: [[UInt8]]) -> [String] {
        var content = BucketContent(outline, after: nil)
        for (number, block) in blocks.enumerated() {
            switch content.add(block) {
            case .success(let problems):
                if let problem = problems.first { return ["block \(number) \(problem)"] }
            case .failure(let error): return ["block \(number): \(error)"]
            }
        }
        return content.problems(with: document)
    }

    /// What the document says otherwise, after all of its blocks were added.
    func problems(with document: BSONDocument) -> [String] {
        let state = outline.state
        let isApplied =
            outline.sealedBlockCount == blockCount && blockCount > 0
            ? lastPosition <= state.appliedThrough : lastPosition == state.appliedThrough
        let stored = (document[MarketDataCollection.Field.sealedTimes]?.array ?? []).compactMap(\.integer)
        let checks: [(Bool, String)] = [
            (checksum == state.checksum, "the checksum of the bucket does not match its blocks"),
            (byteCount == state.blockBytes, "block_bytes does not match the blocks"),
            (blockCount == state.blockCount, "block_count does not match the blocks"),
            (count == state.eventCount, "event_count does not match the blocks"),
            (firstEventTime == state.firstEventTime, "first_event_time does not match the events"),
            (lastEventTime == state.lastEventTime, "last_event_time does not match the events"),
            (isApplied, "applied_through is not the position of the last event"),
            (summary == state.summary, "the summary of prices and volume does not match the events"),
            (outline.sealedBlockCount <= blockCount, "sealed_block_count does not match the blocks"),
            (sealedTimes == stored, "sealed_times does not match the blocks"),
            (kind == nil || kind == outline.kind, "a block holds events of another kind"),
            (isInWindows, "an event lies outside the window"),
        ]
        return checks.filter { !$0.0 }.map(\.1)
    }
}

extension ContiguousArray<MarketEvent> {
    /// Whether no event is earlier than the one before.
    var isSortedByTime: Bool {
        withUnsafeBufferPointer { events in
            for index in 1..<Swift.max(events.count, 1) where events[index].eventTime < events[index - 1].eventTime {
                return false
            }
            return true
        }
    }
}
