import BSON
private import CChecksum
package import DocumentStore
import MarketData
import Records
import TickCodec
import TickStore

/// How a tape is told apart from another one of the same name: by its beginning.
package struct TapeIdentity: Equatable, Sendable {
    package let headLength: Int
    package let headChecksum: UInt32

    package init(head: some Collection<UInt8>) {
        headLength = head.count
        headChecksum = Array(head).withUnsafeBytes { tapedesk_crc32c(0, $0.baseAddress, $0.count) }
    }

    /// `base` with what tells tapes of that name apart, for sources that send a new tape under the same name.
    package func name(_ base: String) -> String {
        let digits = String(headChecksum, radix: 16)
        return base + "@" + String(repeating: "0", count: 8 - digits.count) + digits
    }

    /// Whether a tape that begins with `head` is this one, grown perhaps.
    package func matches(head: [UInt8]) -> Bool {
        head.count >= headLength && TapeIdentity(head: head[..<headLength]) == self
    }
}

/// How far a source is applied, and the state to go on from.
///
/// Never ahead of any bucket.
package struct Checkpoint: Sendable {
    /// The version of the document; zero where there is none yet.
    package var version: Int64 = 0
    package var identity: TapeIdentity
    /// How the tape is decoded: the same bytes, decoded otherwise, are another source.
    package var decoding: String
    package var place = TapePlace()
    package var counts = ReplayCounts()
    package var trackers: [UInt8] = []
    package var isComplete = false
    /// The size of the recording as it is stored, zero where it is not known, and how much of it was read.
    package var inputBytes: Int64 = 0
    package var inputBytesRead: Int64 = 0
    /// Whether nothing of the tape is applied yet: the state is that of an earlier tape of the source, or none.
    package var precedesTape = false
}

/// Reads and moves the checkpoints of sources.
package struct CheckpointStore: Sendable {
    private typealias Field = CheckpointsCollection.Field

    /// Conflicts in a row, after which a competitor is assumed that never pauses.
    private static let roundsMax = 64

    private let writer: VersionedWriter
    private let operationIDs: OperationIDs
    private let source: String
    private let format: String
    private let venue: String

    package init(writer: VersionedWriter, operationIDs: OperationIDs, source: String, format: String, venue: String) {
        self.writer = writer
        self.operationIDs = operationIDs
        self.source = source
        self.format = format
        self.venue = venue
    }

    private var key: DocumentKey {
        DocumentKey(collection: CheckpointsCollection.name, id: .string(source))
    }

    /// The checkpoint of the source, or nil where it was never applied.
    ///
    /// - Throws: `StoreError`.
    package func load() async throws(StoreError) -> Checkpoint? {
        let query = DocumentQuery(
            CheckpointsCollection.name,
            where: [.equals(DocumentField.id, .string(source))],
            limit: 1
        )
        guard let document = try await writer.find(query).first else { return nil }
        return try Self.checkpoint(document)
    }

    /// Moves the checkpoint forward and returns it as it is then; where another run of the source moved it
    /// further already, that one stands.
    ///
    /// - Throws: `StoreError`.
    package func advance(_ checkpoint: Checkpoint) async throws(StoreError) -> Checkpoint {
        var checkpoint = checkpoint
        for _ in 0..<Self.roundsMax {
            switch await writer.apply(change(to: checkpoint)) {
            case .applied(let version, _):
                checkpoint.version = version
                return checkpoint
            case .failed(let error): throw error
            case .conflict, .notFound, .unknown: break
            }
            // Another run of the source moved it, or nobody can tell: what is stored decides.
            guard let stored = try await load() else {
                guard checkpoint.version == 0 else {
                    throw StoreError(.refused, "the checkpoint of '\(source)' was removed while its tape was read")
                }
                continue
            }
            try requireSameTape(stored, identity: checkpoint.identity, decoding: checkpoint.decoding)
            let isFurther = stored.place.offset > checkpoint.place.offset
            if isFurther || (stored.place == checkpoint.place && stored.isComplete) { return stored }
            checkpoint.version = stored.version
        }
        throw StoreError(.unavailable, "the checkpoint of '\(source)' kept changing: is another replay running?")
    }

    /// Takes up the source: reads its checkpoint, or makes the first one, which claims the name for this tape.
    ///
    /// `start` is where a live tape begins. One that begins behind the checkpoint follows an earlier tape of the
    /// source: no position of it was ever used, so it takes the name over.
    ///
    /// - Throws: `StoreError`, with code `refused` where the name belongs to another tape, or to this one decoded in
    ///   another way.
    package func open(
        head: [UInt8],
        decoding: String,
        beginningAt start: TapePlace? = nil
    ) async throws(StoreError) -> Checkpoint {
        guard var stored = try await load() else {
            var first = try await advance(Checkpoint(identity: TapeIdentity(head: head), decoding: decoding))
            first.precedesTape = true
            return first
        }
        stored.precedesTape = stored.place == TapePlace()
        if let start, start.offset > stored.place.offset, !stored.identity.matches(head: head) {
            stored.identity = TapeIdentity(head: head)
            stored.precedesTape = true
        }
        let known = stored.identity.matches(head: head) ? stored.identity : TapeIdentity(head: head)
        try requireSameTape(stored, identity: known, decoding: decoding)
        return stored
    }

    /// Makes sure that the checkpoint is of the same tape, decoded in the same way: positions on another tape, or of
    /// other events, would make new events look as if they were stored already.
    private func requireSameTape(
        _ stored: Checkpoint,
        identity: TapeIdentity,
        decoding: String
    ) throws(StoreError) {
        guard stored.identity == identity else {
            throw StoreError(
                .refused,
                "another tape was applied as source '\(source)' before: its beginning differs. Give this one a name "
                    + "of its own with --source"
            )
        }
        guard stored.decoding == decoding else {
            throw StoreError(
                .refused,
                "source '\(source)' was applied as '\(stored.decoding)' before, and now it would be '\(decoding)'. "
                    + "Give it a name of its own with --source to apply it in another way"
            )
        }
    }

    private func change(to checkpoint: Checkpoint) -> VersionedChange {
        let fields = fields(checkpoint)
        let action: VersionedChange.Action =
            checkpoint.version == 0
            ? .create(BSONDocument(fields.map { ($0.field, $0.value) }))
            : .update(expectedVersion: checkpoint.version, DocumentUpdate(set: fields))
        return VersionedChange(key: key, action: action, operationID: operationIDs.make())
    }

    private func fields(_ checkpoint: Checkpoint) -> [(field: String, value: BSONValue)] {
        let counts = checkpoint.counts
        return [
            (DocumentField.schemaVersion, .int64(CheckpointsCollection.schemaVersion)),
            (Field.format, .string(format)),
            (Field.decoding, .string(checkpoint.decoding)),
            (Field.venue, .string(venue)),
            (Field.nextLine, .int64(checkpoint.place.line)),
            (Field.nextOffset, .int64(checkpoint.place.offset)),
            (Field.afterOpenLine, .bool(checkpoint.place.afterOpenLine)),
            (Field.isComplete, .bool(checkpoint.isComplete)),
            (Field.headLength, .int64(Int64(checkpoint.identity.headLength))),
            (Field.headChecksum, .int64(Int64(checkpoint.identity.headChecksum))),
            (Field.records, .int64(Int64(counts.records))),
            (Field.events, Self.value(counts.events)),
            (Field.tickets, .int64(Int64(counts.tickets))),
            (Field.ignored, Self.value(counts.ignored)),
            (Field.flagged, Self.value(counts.flagged)),
            (Field.rejected, Self.value(counts.rejected)),
            (Field.rejectedEvents, .int64(Int64(counts.rejectedEvents))),
            (Field.lastEventTime, .int64(counts.lastEventTime)),
            (Field.inputBytes, .int64(checkpoint.inputBytes)),
            (Field.inputBytesRead, .int64(checkpoint.inputBytesRead)),
            (Field.trackers, .binary(checkpoint.trackers)),
        ]
    }

    private static func value(_ counts: [String: Int]) -> BSONValue {
        .document(BSONDocument(counts.sorted { $0.key < $1.key }.map { ($0.key, .int64(Int64($0.value))) }))
    }

    private static func counts(_ document: BSONDocument, _ field: String) throws(BSONError) -> [String: Int] {
        var result: [String: Int] = [:]
        for (key, value) in try document.document(field).fields { result[key] = Int(value.integer ?? 0) }
        return result
    }

    private static func checkpoint(_ document: BSONDocument) throws(StoreError) -> Checkpoint {
        let document = try CheckpointsCollection.schema.current(document)
        do throws(BSONError) {
            let identity = TapeIdentity(
                headLength: Int(try document.integer(Field.headLength)),
                headChecksum: UInt32(truncatingIfNeeded: try document.integer(Field.headChecksum))
            )
            var checkpoint = Checkpoint(identity: identity, decoding: try document.string(Field.decoding))
            checkpoint.version = try document.integer(DocumentField.version)
            checkpoint.place = TapePlace(
                line: try document.integer(Field.nextLine),
                offset: try document.integer(Field.nextOffset),
                afterOpenLine: try document.bool(Field.afterOpenLine)
            )
            checkpoint.isComplete = try document.bool(Field.isComplete)
            checkpoint.trackers = try document.binary(Field.trackers)
            checkpoint.inputBytes = try document.integer(Field.inputBytes)
            checkpoint.inputBytesRead = try document.integer(Field.inputBytesRead)
            checkpoint.counts.records = Int(try document.integer(Field.records))
            checkpoint.counts.events = try counts(document, Field.events)
            checkpoint.counts.tickets = Int(document[Field.tickets]?.integer ?? 0)
            checkpoint.counts.ignored = try counts(document, Field.ignored)
            checkpoint.counts.flagged = try counts(document, Field.flagged)
            checkpoint.counts.rejected = try counts(document, Field.rejected)
            checkpoint.counts.rejectedEvents = Int(try document.integer(Field.rejectedEvents))
            checkpoint.counts.lastEventTime = try document.integer(Field.lastEventTime)
            return checkpoint
        } catch {
            throw StoreError(.unreadable, "a checkpoint cannot be read: \(error)")
        }
    }
}

extension TapeIdentity {
    init(headLength: Int, headChecksum: UInt32) {
        self.headLength = headLength
        self.headChecksum = headChecksum
    }
}
