/// How a tape is cut into records, whatever they hold.
///
/// Where a record ends follows from the bytes since the record before it ended, and from nothing else: a tape may be
/// taken up at the end of any record.
public protocol RecordFraming: Sendable {
    /// The name as `--format` takes it.
    var name: String { get }

    /// How many leading bytes of `bytes` are whole records.
    func wholeRecords(in bytes: UnsafeRawBufferPointer) -> Int

    /// How many bytes the first line or frame of `bytes`, which are whole records, takes, and whether it is a record.
    func firstRecord(in bytes: UnsafeRawBufferPointer) -> (byteCount: Int, isRecord: Bool)

    /// How much of `bytes`, which begin within a record that is too long to hold, belongs to it, and whether its
    /// end is among them. Of bytes without the end some may be left, to be seen again with those behind them.
    func skipRecord(in bytes: UnsafeRawBufferPointer) -> (count: Int, foundEnd: Bool)

    /// Whether bytes behind the last record boundary may be a record, as a last line without its line end may.
    var lastRecordMayBeOpen: Bool { get }
}

/// Framing by text lines.
public protocol LineFraming: RecordFraming {
    /// Whether a line holds no record, such as a header. Empty lines never do.
    func isSkipped(line: UnsafeRawBufferPointer) -> Bool
}

extension LineFraming {
    public func isSkipped(line: UnsafeRawBufferPointer) -> Bool { false }

    public func firstRecord(in bytes: UnsafeRawBufferPointer) -> (byteCount: Int, isRecord: Bool) {
        guard let start = bytes.baseAddress else { return (0, false) }
        let length = lineLength(start, bytes.count)
        var line = UnsafeRawBufferPointer(start: start, count: length)
        if line.last == UInt8(ascii: "\r") { line = UnsafeRawBufferPointer(rebasing: line.dropLast()) }
        return (min(length + 1, bytes.count), !line.isEmpty && !isSkipped(line: line))
    }

    public func wholeRecords(in bytes: UnsafeRawBufferPointer) -> Int {
        bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    }

    public func skipRecord(in bytes: UnsafeRawBufferPointer) -> (count: Int, foundEnd: Bool) {
        guard let start = bytes.baseAddress else { return (0, false) }
        let length = lineLength(start, bytes.count)
        return length < bytes.count ? (length + 1, true) : (length, false)
    }

    public var lastRecordMayBeOpen: Bool { true }
}
