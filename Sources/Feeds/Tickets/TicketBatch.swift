import MarketData

/// Everything that one slab of a ticket feed decodes to.
///
/// Positions count lines from the start of the slab. What the numbers mean is the same as in `EventBatch`.
public struct TicketBatch: Sendable {
    /// The kind under which rejected records of tickets are kept.
    public static let kindName = "ticket"

    public var frames: [TicketFrame] = []
    public var rejected: [RejectedRecord] = []
    /// How many frames have each flag.
    public var flagged: [String: Int] = [:]
    /// Records in the slab, of which each is a frame or rejected; blank lines and a header are none.
    public var records = 0
    /// Lines, rows or objects in the slab: by these positions count.
    public var lines: Int64 = 0
    /// The tape's offsets that the slab covered.
    public var offsets: Range<Int64> = 0..<0
    /// The beginning of the record, where the tape ends in the middle of one.
    public var truncatedRecord: [UInt8]?
    /// How many bytes of that record are there, at the end of the slab.
    public var truncatedRecordLength = 0
    /// Whether the tape ends with a line that has no line end.
    public var endsWithOpenLine = false

    public init() {}
}

/// Collects what the decoder of one slab finds.
struct TicketBatchBuilder {
    private(set) var batch = TicketBatch()

    init(_ slab: Slab) {
        batch.offsets = slab.offsets
        batch.endsWithOpenLine = slab.isOpen
    }

    /// Accounts for a line, row or object that is no record.
    mutating func skipLine() {
        batch.lines += 1
    }

    mutating func append(_ frame: TicketFrame, _ record: UnsafeRawBufferPointer) {
        var frame = frame
        frame.raw = Array(record.prefix(RejectedRecord.rawBytesMax))
        frame.rawLength = record.count
        frame.position = TapePosition(line: batch.lines, event: 0)
        frame.digest = record.fnv1a64
        batch.frames.append(frame)
        for flag in frame.flags { batch.flagged[flag, default: 0] += 1 }
        batch.records += 1
        batch.lines += 1
    }

    mutating func reject(_ fault: TicketFault, _ record: UnsafeRawBufferPointer) {
        batch.rejected.append(
            RejectedRecord(
                position: TapePosition(line: batch.lines, event: 0),
                rule: fault.rule,
                reason: fault.reason,
                kindName: TicketBatch.kindName,
                raw: Array(record.prefix(RejectedRecord.rawBytesMax)),
                rawLength: record.count
            )
        )
        batch.records += 1
        batch.lines += 1
    }

    /// Takes `bytes`, the last of the slab, as the beginning of a record that the tape ends in.
    mutating func truncate(_ bytes: UnsafeRawBufferPointer) {
        batch.truncatedRecord = Array(bytes.prefix(RejectedRecord.rawBytesMax))
        batch.truncatedRecordLength = bytes.count
    }

    /// Rejects the record of which `slab` holds the beginning.
    mutating func rejectTooLarge(_ slab: Slab, length: Int) {
        batch.rejected.append(.tooLarge(slab, length: length, line: batch.lines, kindName: TicketBatch.kindName))
        batch.records += 1
        batch.lines += 1
    }
}
