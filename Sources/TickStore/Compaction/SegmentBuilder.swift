import BSON
import DocumentStore
import MarketData
import TickCodec

/// A document as it is sealed, or as it would be.
private struct SealedForm {
    let blocks: [StoredBlock]
    let summary: BucketSummary?
    /// Trades that sealing leaves out, as repetitions of others.
    let duplicates: Int
    /// The bars of seconds of its trades; none where they are not known.
    var bars: [TradeBar]

    init(_ blocks: [StoredBlock], summary: BucketSummary?, _ duplicates: Int = 0, bars: [TradeBar]) {
        self.blocks = blocks
        self.summary = summary
        self.duplicates = duplicates
        self.bars = bars
    }
}

/// Makes one segment of the documents of a day.
///
/// The segment appears and the documents that it takes the place of disappear in one change of all of them: a reader
/// sees the old ones or the new one. They are marked only, and deleted after the segment was read back and found to
/// hold every one of their events.
///
/// The segment takes over their slots, which no two documents of a lane may share: whoever still believes that one of
/// those parts is to be created is refused, looks again, and finds in the segment how far the window is applied.
///
/// Holds scratch memory; used by one task at a time.
final class SegmentBuilder {
    private typealias Field = MarketDataCollection.Field

    /// Parts of segments count from here on, so that they are never those of a bucket.
    static let firstPart: Int64 = 1 << 20

    private let writer: VersionedWriter
    private let operationIDs: OperationIDs
    private let bytesMax: Int64
    private let encoder = SealedBlockWriter()
    private let sealing = BlockSealing()

    /// - Parameter bytesMax: a segment takes no more sealed bytes than this.
    init(
        writer: VersionedWriter,
        operationIDs: OperationIDs,
        bytesMax: Int64 = CompactionPolicy.segmentBytesDefault
    ) {
        self.writer = writer
        self.operationIDs = operationIDs
        self.bytesMax = bytesMax
    }

    /// Rolls documents up that are neighbours in the order of their slots, if all are still as their outlines say.
    ///
    /// What is not sealed yet is sealed on the way: it is not written twice then. Only as many documents go into the
    /// segment as fit; where that is but one, nothing is done. Answers those that did go.
    ///
    /// - Parameters:
    ///   - part: the part of the new segment; greater than that of any segment of the day so far.
    ///   - fresh: what was written of the instrument just now, and need not be read.
    /// - Throws: `StoreError` where the store fails.
    func rollUp(
        _ members: [BucketOutline],
        part: Int64,
        _ fresh: FreshBuckets
    ) async throws(StoreError) -> (outcome: StepOutcome, taken: [BucketOutline]) {
        var forms: [SealedForm] = []
        var bytes: Int64 = 0
        var barCount = 0
        for member in members {
            do throws(StoreError) {
                guard let form = try await form(of: member, fresh) else { return (.overtaken, []) }
                bytes += Int64(form.blocks.byteCount)
                if bytes > bytesMax { break }
                forms.append(form)
                barCount += form.bars.count
                // Whoever wants them reads the segment then.
                if barCount > fresh.barsMax { for index in forms.indices { forms[index].bars = [] } }
            } catch {
                guard error.code == .unreadable else { throw error }
                return (.damaged(bucket: member.id, problem: error.message), [])
            }
        }
        guard forms.count > 1 else { return (.done(events: 0), []) }
        let taken = Array(members.prefix(forms.count))
        return (try await write(taken, forms, part: part, fresh), taken)
    }

    private func write(
        _ members: [BucketOutline],
        _ forms: [SealedForm],
        part: Int64,
        _ fresh: FreshBuckets
    ) async throws(StoreError) -> StepOutcome {
        guard let first = members.first, let key = first.segmentKey else { return .overtaken }
        let blocks = forms.flatMap(\.blocks)
        var sealed = SealedBlocks(of: key.documentID(part: part), slot: first.firstSlot)
        do throws(StoreError) {
            try encoder.join(blocks, first.kind, to: &sealed)
        } catch {
            return .damaged(bucket: first.id, problem: error.message)
        }
        guard sealed.eventCount == blocks.eventCount, try BlockContainment.holds(sealed.blocks, all: blocks) else {
            return .damaged(bucket: first.id, problem: "its events do not come back from a segment; left as it is")
        }
        let changes = changes(members, forms, key, sealed, part: part)
        switch await writer.applyTogether(changes) {
        case .applied(.confirmed):
            remember(members, forms, segment: key.documentID(part: part), checksum: sealed.blocks.checksum, fresh)
            return .done(events: sealed.eventCount)
        // What a failover may take back is nothing to delete members for: the next plan sees what is stored.
        case .applied(.unconfirmed), .conflict, .unknown: return .overtaken
        // Another compaction works on these documents, or one that was killed holds them until the server notices: the
        // next run looks again. Where the server is gone, whatever comes next fails.
        case .failed(let error) where error.code == .duplicateKey || error.isTransient: return .overtaken
        case .failed(let error): throw error
        }
    }

    /// What a document comes to when it is sealed; nil where it is not as the outline says any more.
    ///
    /// - Throws: `StoreError`, with code `unreadable` where a block is damaged.
    private func form(of outline: BucketOutline, _ fresh: FreshBuckets) async throws(StoreError) -> SealedForm? {
        if let known = fresh.blocks(of: outline) {
            return SealedForm(known, summary: outline.state.summary, bars: fresh.bars(of: outline))
        }
        guard let stored = try await StoredBucket.read(outline, writer) else { return nil }
        let blocks = try stored.blocks()
        guard stored.outline.isSealed else {
            let sealed = try sealing.seal(blocks, of: stored.outline)
            let summary = BucketSummary(sealed.bars)
            return SealedForm(sealed.blocks.blocks, summary: summary, sealed.duplicates, bars: sealed.bars)
        }
        guard blocks.eventCount == Int(stored.outline.state.eventCount) else {
            throw BlockSealing.miscounted
        }
        return SealedForm(blocks, summary: stored.outline.state.summary, bars: [])
    }

    /// Keeps what the steps behind need of documents and of the segment that took their place.
    private func remember(
        _ members: [BucketOutline],
        _ forms: [SealedForm],
        segment: String,
        checksum: UInt32,
        _ fresh: FreshBuckets
    ) {
        for (member, form) in zip(members.map(\.afterMark), forms) {
            let (version, checksum) = (member.state.version, member.state.checksum)
            fresh.add(member.id, version: version, checksum: checksum, blocks: form.blocks, bars: [])
        }
        // The bars of a window are of use only with the trades of all its parts.
        let isKnown = forms.allSatisfy { !$0.bars.isEmpty }
        let bars = isKnown ? TradeBar.merged(forms.flatMap(\.bars), to: .second) : []
        fresh.add(segment, version: 1, checksum: checksum, blocks: nil, bars: bars)
    }

    private func changes(
        _ members: [BucketOutline],
        _ forms: [SealedForm],
        _ key: BucketKey,
        _ sealed: SealedBlocks,
        part: Int64
    ) -> [VersionedChange] {
        let segment = key.documentKey(part: part)
        // They give their slots away before the segment takes them.
        var changes = members.map { member in
            VersionedChange(
                key: member.documentKey,
                action: .update(
                    expectedVersion: member.state.version,
                    DocumentUpdate(
                        set: [
                            (Field.replacedBy, segment.id),
                            (Field.formerSlots, .array(member.slots.map { .int64($0) })),
                        ],
                        unset: [Field.slots]
                    )
                    .bringingUp(member.state.upcast)
                ),
                operationID: operationIDs.make(),
                conflictExcludes: [Field.blocks]
            )
        }
        let fields = fields(members, forms, key, sealed, part: part)
        changes.append(
            VersionedChange(
                key: segment,
                action: .create(BSONDocument(fields.map { ($0.field, $0.value) })),
                operationID: operationIDs.make(),
                conflictExcludes: [Field.blocks]
            )
        )
        return changes
    }

    private func fields(
        _ members: [BucketOutline],
        _ forms: [SealedForm],
        _ key: BucketKey,
        _ sealed: SealedBlocks,
        part: Int64
    ) -> [(field: String, value: BSONValue)] {
        let slots = members.flatMap(\.slots).sorted()
        let windows = Self.windows(of: members)
        let duplicates = zip(members, forms).reduce(Int64(0)) { $0 + $1.0.duplicateCount + Int64($1.1.duplicates) }
        var fields: [(field: String, value: BSONValue)] = [
            (DocumentField.schemaVersion, .int64(MarketDataCollection.schemaVersion)),
            (Field.kind, .string(key.kind.name)),
            (Field.source, .string(key.source)),
            (Field.windowStart, .int64(key.windowStart)),
            (Field.windowSeconds, .int64(key.kind.segmentSeconds ?? key.kind.windowSeconds)),
            (Field.part, .int64(part)),
            (Field.isClosed, .bool(true)),
            (Field.appliedThrough, .int64(windows.map(\.appliedThrough).max() ?? .min)),
            (Field.slots, .array(slots.map { .int64($0) })),
            (Field.windows, .array(windows.map(\.value))),
        ]
        if duplicates > 0 { fields.append((Field.duplicateCount, .int64(duplicates))) }
        if let until = members.compactMap(\.keepUntil).max() {
            fields.append((Field.keepUntil, .datetime(until / 1_000_000)))
        }
        return fields + sealed.fields + (Self.summary(of: forms)?.fields ?? [])
    }

    /// What the summaries of the documents come to, in the order of their slots.
    private static func summary(of forms: [SealedForm]) -> BucketSummary? {
        var summaries = forms.compactMap(\.summary)[...]
        guard var sum = summaries.popFirst() else { return nil }
        for summary in summaries { sum.add(summary) }
        return sum
    }

    /// The windows that are in the documents, each with its last part.
    private static func windows(of members: [BucketOutline]) -> [SegmentWindow] {
        var last: [Int64: SegmentWindow] = [:]
        for window in members.flatMap(\.coveredWindows) {
            if let known = last[window.start], known.lastPart > window.lastPart { continue }
            last[window.start] = window
        }
        return last.values.sorted { $0.start < $1.start }
    }
}

// MARK: - Deleting what was replaced

extension SegmentBuilder {
    /// Deletes documents that a segment took the place of, after reading it back.
    ///
    /// - Parameter fresh: what was written of the instrument just now: it need not be read, as no document goes that
    ///   has another version by now.
    /// - Throws: `StoreError` where the store fails.
    func removeReplaced(
        by segment: String,
        _ members: [BucketOutline],
        _ fresh: FreshBuckets
    ) async throws(StoreError) -> StepOutcome {
        guard let instrument = members.first?.instrument else { return .overtaken }
        guard let stored = try await StoredBucket.read(id: segment, instrument: instrument, writer) else {
            return .damaged(bucket: segment, problem: "the segment is gone; the documents that it replaced are kept")
        }
        var blocks: [StoredBlock] = []
        var compared: [BucketOutline] = []
        for member in members {
            do throws(StoreError) {
                // One that is gone was deleted by another run, which had found its events in the segment.
                guard let replaced = try await form(of: member, fresh) else { continue }
                blocks += replaced.blocks
            } catch {
                guard error.code == .unreadable else { throw error }
                return .damaged(bucket: member.id, problem: error.message)
            }
            compared.append(member)
        }
        do throws(StoreError) {
            guard try BlockContainment.holds(stored.blocks(), all: blocks) else {
                return .damaged(
                    bucket: segment,
                    problem: "the segment lacks events of documents that it replaced; those are kept"
                )
            }
        } catch {
            return .damaged(bucket: segment, problem: error.message)
        }
        fresh.forget(compared)
        return try await delete(compared)
    }

    private func delete(_ members: [BucketOutline]) async throws(StoreError) -> StepOutcome {
        let changes = members.map {
            VersionedChange(
                key: $0.documentKey,
                action: .delete(expectedVersion: $0.state.version),
                operationID: operationIDs.make(),
                conflictExcludes: [Field.blocks]
            )
        }
        for case .failed(let error) in await writer.apply(changes) { throw error }
        return .done(events: 0)
    }
}

extension BucketOutline {
    /// Names the segments that the document may go into; nil where its kind has none.
    fileprivate var segmentKey: BucketKey? {
        kind.segmentStart(of: windowStart).map {
            BucketKey(source: source, instrument: instrument, kind: kind, windowStart: $0)
        }
    }

    /// The name of a segment that the document goes into.
    func segmentID(part: Int64) -> String? { segmentKey?.documentID(part: part) }
}
