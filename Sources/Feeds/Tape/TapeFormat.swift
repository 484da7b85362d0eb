public import MarketData

/// The format of our own recordings.
///
/// They are checksummed records with a magic number each; docs/tape-format.md specifies them. A position's line is the
/// number of the record, the header being line 0; a damaged stretch is one line.
public struct TapeFormat: RecordFormat {
    public let header: TapeHeader
    private let venue: String
    private let dialect: any VenueDialect.Type
    private let receivedBefore: Timestamp?

    /// Reads the tape with that header.
    ///
    /// - Parameters:
    ///   - venue: what the instruments are filed under; nil for the header's.
    ///   - receivedBefore: what was received at that time or later is passed over, and counted as ignored: somebody
    ///     else has it. Nil for nothing.
    /// - Throws: `TapeError.unknownDialect` where nothing decodes the tape's messages.
    public init(
        _ header: TapeHeader,
        venue: String? = nil,
        receivedBefore: Timestamp? = nil
    ) throws(TapeError) {
        guard let found = try? VenueRegistry.dialect(named: header.dialect) else {
            throw .unknownDialect(header.dialect)
        }
        self.header = header
        self.venue = venue ?? header.venue
        self.receivedBefore = receivedBefore
        dialect = found
    }

    /// Reads an opened tape.
    ///
    /// - Throws: `InputError` where it has no sound header, or nothing decodes its messages.
    public init(_ input: TapeInput, venue: String? = nil) throws(InputError) {
        do throws(TapeError) {
            try self.init(try TapeHeader(head: input.head), venue: venue)
        } catch {
            throw InputError(error.inputCode, "\(input.path): cannot be read as a tape: \(error)")
        }
    }

    public var name: String { FormatName.tape.rawValue }
    public var onlyKind: EventKind? { nil }
    public var lastRecordMayBeOpen: Bool { false }

    public func wholeRecords(in bytes: UnsafeRawBufferPointer) -> Int {
        TapeStretch.wholeRecords(in: bytes)
    }

    public func firstRecord(in bytes: UnsafeRawBufferPointer) -> (byteCount: Int, isRecord: Bool) {
        switch TapeStretch(bytes) {
        case .record(let record):
            (record.byteCount, record.kind != TapeRecord.headerKind || record.tag != header.tag)
        case .damaged(let count): (count, true)
        case .incomplete: (bytes.count, true)
        }
    }

    public func skipRecord(in bytes: UnsafeRawBufferPointer) -> (count: Int, foundEnd: Bool) {
        TapeStretch.skip(bytes)
    }

    public func makeDecoder() -> any RecordDecoder {
        TapeDecoder(tag: header.tag, venue: venue, dialect: dialect.init(), receivedBefore: receivedBefore)
    }
}

/// What the bytes at some place of a tape are.
enum TapeStretch {
    /// A record that is whole, its content sound or not.
    case record(TapeRecord)
    /// Bytes that are no record, up to the next one.
    case damaged(Int)
    /// Not enough bytes to tell, or a record that goes on behind them.
    case incomplete

    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer) {
        if let record = TapeRecord(bytes) {
            self = record.byteCount <= bytes.count ? .record(record) : .incomplete
        } else if let next = Self.nextRecord(in: bytes, from: 1) {
            self = .damaged(next)
        } else {
            self = .incomplete
        }
    }

    /// Where the next sound fixed part begins.
    ///
    /// It carries a checksum of its own, so that a message which happens to hold the magic number is not taken for
    /// one. Where it is, does not depend on how the tape is cut into slabs: the positions of records must not.
    static func nextRecord(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        let first = UInt8(truncatingIfNeeded: TapeRecord.magic)
        var index = start
        while index <= bytes.count - TapeRecord.headerBytes {
            if bytes[index] == first, TapeRecord(UnsafeRawBufferPointer(rebasing: bytes[index...])) != nil {
                return index
            }
            index += 1
        }
        return nil
    }

    /// What of a damaged stretch that is too long to hold may be passed over.
    static func skip(_ bytes: UnsafeRawBufferPointer) -> (count: Int, foundEnd: Bool) {
        if let next = nextRecord(in: bytes, from: 0) { return (next, true) }
        return (max(0, bytes.count - TapeRecord.headerBytes + 1), false)
    }

    static func wholeRecords(in bytes: UnsafeRawBufferPointer) -> Int {
        var end = 0
        while true {
            switch TapeStretch(UnsafeRawBufferPointer(rebasing: bytes[end...])) {
            case .record(let record): end += record.byteCount
            case .damaged(let count): end += count
            case .incomplete: return end
            }
        }
    }
}

private final class TapeDecoder: RecordDecoder {
    private let tokenizer = JSONTokenizer()
    private let tag: UInt32
    private var dialect: any VenueDialect
    private var builder: BatchBuilder
    /// In nanoseconds since 1970; `Int64.max` for no bound.
    private let receivedBefore: Int64
    /// What messages are ignored as that came when another instance had the source.
    private static let receivedTooLate = "received_too_late"

    init(tag: UInt32, venue: String, dialect: any VenueDialect, receivedBefore: Timestamp?) {
        self.tag = tag
        self.dialect = dialect
        self.receivedBefore = receivedBefore?.nanoseconds ?? .max
        builder = BatchBuilder(venue: venue)
    }

    func decode(_ slab: Slab) -> EventBatch {
        builder.begin(byteCount: slab.count)
        guard case .records = slab.content else {
            builder.append(slab.content, of: slab, kind: nil)
            return builder.finish(slab)
        }
        var rest = slab.bytes
        while !rest.isEmpty {
            let count: Int
            switch TapeStretch(rest) {
            case .record(let record):
                count = record.byteCount
                decode(record, UnsafeRawBufferPointer(rebasing: rest[0..<count]))
            case .damaged(let skipped):
                count = skipped
                rejectDamaged(rest[0..<count])
            case .incomplete:
                // The slab ends with the damaged stretch: the record behind it is in the next one.
                count = rest.count
                rejectDamaged(rest[0..<count])
            }
            builder.endLine()
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
        return builder.finish(slab)
    }

    private func rejectDamaged(_ bytes: UnsafeRawBufferPointer.SubSequence) {
        reject(bytes, "\(bytes.count) bytes are no record of a tape and were skipped")
    }

    private func reject(_ bytes: UnsafeRawBufferPointer.SubSequence, _ reason: String) {
        builder.beginRecord(UnsafeRawBufferPointer(rebasing: bytes))
        builder.reject(.malformed, reason)
    }

    private func decode(_ record: TapeRecord, _ bytes: UnsafeRawBufferPointer) {
        guard record.matchesChecksum(in: bytes) else {
            reject(bytes[...], "the checksum of the record is wrong; its \(bytes.count) bytes were skipped")
            return
        }
        guard record.tag == tag else {
            reject(bytes[...], "the record belongs to another tape than the one that the file begins as")
            return
        }
        // The header once more, where tapes were put one behind the other: a line that holds no record.
        if record.kind == TapeRecord.headerKind { return }
        guard let kind = TapeFrameKind(rawValue: record.kind) else {
            reject(bytes[...], "records of kind \(record.kind) are not known")
            return
        }
        let payload = record.payload(in: bytes)
        builder.beginRecord(payload)
        guard record.receiptTime < receivedBefore else { return builder.ignore(Self.receivedTooLate) }
        let frame = Frame(
            receiptTime: Timestamp(nanoseconds: record.receiptTime),
            connection: record.name(in: bytes)
        )
        switch kind {
        case .receive: dialect.decode(payload, frame: frame, with: tokenizer, into: &builder)
        case .connect:
            dialect.connected(frame, into: &builder)
            builder.ignore(kind.name)
        case .dropped: decodeDropped(payload, frame)
        case .answer: dialect.decodeAnswer(payload, frame: frame, with: tokenizer, into: &builder)
        case .send, .http, .snapshot: builder.ignore(kind.name)
        }
    }

    /// Two counts of messages: the hole is between them.
    private func decodeDropped(_ payload: UnsafeRawBufferPointer, _ frame: Frame) {
        let counts = payload.split(separator: UInt8(ascii: " ")).compactMap {
            Int64(ascii: UnsafeRawBufferPointer(rebasing: $0))
        }
        guard counts.count == 2, counts[0] >= 0, counts[1] > counts[0], counts[1] < .max else {
            builder.reject(.malformed, "the record of dropped messages does not say how many they are")
            return
        }
        let stream = builder.stream(connection: frame.connection, channel: "recorded", symbol: frame.connection)
        // What was recorded in between was not counted here.
        builder.observe(stream: stream, number: nil, rule: .contiguous)
        builder.observe(stream: stream, number: counts[0], rule: .contiguous)
        builder.observe(stream: stream, number: counts[1] + 1, rule: .contiguous)
        builder.ignore(TapeFrameKind.dropped.name)
    }

}
