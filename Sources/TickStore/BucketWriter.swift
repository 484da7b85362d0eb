import BSON
public import DocumentStore
import MarketData
import TickCodec

/// Appends events to buckets, each exactly once.
///
/// Every bucket says through which tape position it is filled, and changes together with that position. The writer
/// drops what is applied already, appends the rest to the version that it knows, and starts over from the stored
/// document where another writer was faster. One bulk carries at most one change of each bucket.
///
/// Used by one task at a time.
public final class BucketWriter {
    /// The states that are remembered; beyond it all are read again.
    static let statesMax = 200_000
    /// A bucket that conflicts this often in a row has a competitor that never pauses: give up, visibly.
    static let roundsMax = 64
    /// Buckets that are encoded and sent at a time: it bounds memory where instruments are many.
    private static let bucketsPerBulk = 1_000
    /// Windows that are asked for with one query.
    private static let windowsPerQuery = 128
    private static let partsPerQueryMax = 200_000

    private let writer: VersionedWriter
    private let operationIDs: OperationIDs
    private let encoder = BlockEncoder()
    private var states: [BucketKey: BucketState?] = [:]

    public init(writer: VersionedWriter, operationIDs: OperationIDs) {
        self.writer = writer
        self.operationIDs = operationIDs
    }

    /// What a commit did.
    public struct Result: Equatable, Sendable {
        public var stored = 0
        public var alreadyStored = 0
        public var blockBytes = 0

        public init() {}
    }

    /// Writes all events, or throws having written some of them: to write them again is harmless.
    ///
    /// - Throws: `StoreError`.
    public func write(_ pending: [PendingBucket]) async throws(StoreError) -> Result {
        var result = Result()
        var start = 0
        while start < pending.count {
            let end = min(start + Self.bucketsPerBulk, pending.count)
            try await write(Array(pending[start..<end]), &result)
            start = end
        }
        if states.count > Self.statesMax { states.removeAll(keepingCapacity: true) }
        return result
    }

    private func write(_ pending: [PendingBucket], _ result: inout Result) async throws(StoreError) {
        var open = pending
        var rounds = 0
        while !open.isEmpty {
            guard rounds < Self.roundsMax else {
                throw StoreError(.unavailable, "buckets kept changing: is another replay of this source running?")
            }
            rounds += 1
            try await loadStates(of: open)
            var attempts: [Attempt] = []
            for bucket in open {
                if let attempt = makeAttempt(bucket, &result) { attempts.append(attempt) }
            }
            open = try await apply(attempts, &result)
        }
    }
}

extension BucketWriter {
    /// A change of one bucket and the state that the bucket has after it.
    private struct Attempt {
        let bucket: PendingBucket
        let change: VersionedChange
        let after: BucketState
        let eventCount: Int
        let byteCount: Int
    }

    private func makeAttempt(_ bucket: PendingBucket, _ result: inout Result) -> Attempt? {
        let known = states[bucket.key] ?? nil
        let appliedThrough = known?.appliedThrough ?? Int64.min
        guard let addition = BucketAddition(bucket, after: appliedThrough, encoder: encoder) else {
            result.alreadyStored += bucket.events.count
            return nil
        }
        let after = BucketState(appending: addition, to: known)
        let key = bucket.key.documentKey(part: after.part)
        let blocks = addition.blocks.map { BSONValue.binary($0.bytes) }
        let action: VersionedChange.Action =
            if after.version == 1 {
                .create(createdDocument(bucket.key, after, blocks))
            } else {
                .update(
                    expectedVersion: after.version - 1,
                    DocumentUpdate(set: after.fields, push: [(MarketDataCollection.Field.blocks, blocks)])
                        .bringingUp(known?.upcast)
                )
            }
        return Attempt(
            bucket: bucket,
            change: VersionedChange(
                key: key,
                action: action,
                operationID: operationIDs.make(),
                conflictExcludes: [MarketDataCollection.Field.blocks]
            ),
            after: after,
            eventCount: addition.events.count,
            byteCount: addition.byteCount
        )
    }

    private func createdDocument(_ key: BucketKey, _ state: BucketState, _ blocks: [BSONValue]) -> BSONDocument {
        typealias Field = MarketDataCollection.Field
        return BSONDocument { writer in
            writer.append(DocumentField.schemaVersion, .int64(MarketDataCollection.schemaVersion))
            writer.append(Field.kind, .string(key.kind.name))
            writer.append(Field.source, .string(key.source))
            writer.append(Field.windowStart, .int64(key.windowStart))
            writer.append(Field.windowSeconds, .int64(key.kind.windowSeconds))
            writer.append(Field.part, .int64(state.part))
            let slot = BucketSlot.make(windowStart: key.windowStart, part: state.part)
            writer.append(Field.slots, .array([.int64(slot)]))
            for (field, value) in state.fields { writer.append(field, value) }
            writer.append(Field.blocks, .array(blocks))
        }
    }

    /// Applies the attempts and returns the buckets that must be decided again.
    private func apply(_ attempts: [Attempt], _ result: inout Result) async throws(StoreError) -> [PendingBucket] {
        guard !attempts.isEmpty else { return [] }
        let outcomes = await writer.apply(attempts.map(\.change))
        var again: [PendingBucket] = []
        var failure: StoreError?
        for (attempt, outcome) in zip(attempts, outcomes) {
            let key = attempt.bucket.key
            switch outcome {
            case .applied:
                states[key] = .some(attempt.after)
                result.stored += attempt.eventCount
                result.alreadyStored += attempt.bucket.events.count - attempt.eventCount
                result.blockBytes += attempt.byteCount
            case .conflict, .notFound, .unknown:
                // The stored document decides: it says itself what is applied, so even a change of which nobody can
                // tell any more whether it took effect needs no other answer.
                states[key] = nil
                again.append(attempt.bucket)
            case .failed(let error) where error.code == .duplicateKey:
                // The part is in a segment meanwhile, which says how far the window is applied.
                states[key] = nil
                again.append(attempt.bucket)
            case .failed(let error):
                states[key] = nil
                failure = error
            }
        }
        if let failure { throw failure }
        return again
    }

    /// Reads the last part of every window that is not known yet.
    private func loadStates(of buckets: [PendingBucket]) async throws(StoreError) {
        let unknown = buckets.map(\.key).filter { states[$0] == nil }
        var start = 0
        while start < unknown.count {
            let end = min(start + Self.windowsPerQuery, unknown.count)
            try await loadStates(of: unknown[start..<end])
            start = end
        }
    }

    private func loadStates(of keys: ArraySlice<BucketKey>) async throws(StoreError) {
        typealias Field = MarketDataCollection.Field
        let symbols = Set(keys.map(\.instrument.description)).sorted()
        // A window that was rolled up is described by the segment of its day.
        let windows = Set(
            keys.flatMap { [$0.windowStart, $0.kind.segmentStart(of: $0.windowStart) ?? $0.windowStart] }
        )
        .sorted()
        let sources = Set(keys.map(\.source)).sorted()
        let wanted = Dictionary(uniqueKeysWithValues: keys.map { (LaneWindow($0), $0) })
        let query = DocumentQuery(
            MarketDataCollection.name,
            where: [
                .isIn(Field.instrumentSymbol, symbols.map(BSONValue.string)),
                .isIn(Field.windowStart, windows.map(BSONValue.int64)),
                .isIn(Field.source, sources.map(BSONValue.string)),
                .equals(Field.replacedBy, .null),
            ],
            fields: .excluding([Field.blocks]),
            limit: Self.partsPerQueryMax
        )
        let documents = try await writer.find(query)
        guard documents.count < Self.partsPerQueryMax else {
            throw StoreError(.tooLarge, "there are too many parts in \(windows.count) windows; replay smaller pieces")
        }
        for key in keys { states[key] = .some(nil) }
        for document in documents {
            guard let lane = LaneWindow(document) else { continue }
            for (start, state) in try Self.states(in: document, windowStart: lane.windowStart) {
                guard let key = wanted[lane.at(start)] else { continue }
                if let known = states[key] ?? nil, known.part > state.part { continue }
                states[key] = .some(state)
            }
        }
    }

    /// What a document says about windows: a bucket about its own, a segment about all that are in it.
    private static func states(
        in document: BSONDocument,
        windowStart: Int64
    ) throws(StoreError) -> [(windowStart: Int64, state: BucketState)] {
        let own = try BucketState(document)
        let absorbed = try SegmentWindow.all(in: document)
        return absorbed.isEmpty ? [(windowStart, own)] : absorbed.map { ($0.start, BucketState(absorbed: $0)) }
    }

    /// The identity of a bucket as documents spell it.
    private struct LaneWindow: Hashable {
        let source: String
        let symbol: String
        let kind: String
        private(set) var windowStart: Int64

        /// The same lane, another window.
        func at(_ windowStart: Int64) -> LaneWindow {
            var other = self
            other.windowStart = windowStart
            return other
        }

        init(_ key: BucketKey) {
            source = key.source
            symbol = key.instrument.description
            kind = key.kind.name
            windowStart = key.windowStart
        }

        init?(_ document: BSONDocument) {
            typealias Field = MarketDataCollection.Field
            guard let source = document[Field.source]?.string, let symbol = document[Field.instrumentSymbol]?.string,
                let kind = document[Field.kind]?.string, let windowStart = document[Field.windowStart]?.integer
            else { return nil }
            self.source = source
            self.symbol = symbol
            self.kind = kind
            self.windowStart = windowStart
        }
    }
}
