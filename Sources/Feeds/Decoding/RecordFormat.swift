public import MarketData

/// How a tape of market events is cut into records and what decodes them.
///
/// One value per replay; decoders are made from it.
public protocol RecordFormat: RecordFraming {
    /// The kind of every record, where the format has only one: rejected records are then counted under it.
    var onlyKind: EventKind? { get }

    /// Makes a decoder. Several decode different slabs of one tape at the same time, in any order.
    func makeDecoder() -> any RecordDecoder
}

/// Turns slabs into events.
///
/// Holds scratch memory and name tables, nothing that one slab tells about another.
///
/// Used by one task at a time.
public protocol RecordDecoder: AnyObject {
    func decode(_ slab: Slab) -> EventBatch
}

/// A format of text lines.
public protocol LineFormat: RecordFormat, LineFraming {}

/// Decodes one line at a time; what is common to all line formats is in `LineRecordDecoder`.
public protocol LineDecoder {
    /// Decodes one line without its line end. `Slab.padding` bytes behind it are readable.
    ///
    /// The caller has begun and will end the record.
    mutating func decode(line: UnsafeRawBufferPointer, into builder: inout BatchBuilder)

    /// Whether the line holds no record, such as a header.
    func isSkipped(line: UnsafeRawBufferPointer) -> Bool
}

extension LineDecoder {
    public func isSkipped(line: UnsafeRawBufferPointer) -> Bool { false }
}

/// Splits slabs into lines for a `LineDecoder`.
///
/// Line ends are LF or CR LF; empty lines are no records.
public final class LineRecordDecoder: RecordDecoder {
    private var builder: BatchBuilder
    private let onlyKind: EventKind?
    private let decodeLines: (Slab, inout BatchBuilder) -> Void

    /// Decodes with `lines`.
    ///
    /// The loop over the lines is in a closure that knows the type of `lines`: a generic class would call it through
    /// a table, and copy it for every line.
    public init<Lines: LineDecoder>(_ lines: Lines, venue: String, onlyKind: EventKind? = nil) {
        builder = BatchBuilder(venue: venue)
        self.onlyKind = onlyKind
        var lines = lines
        decodeLines = { slab, builder in lines.decode(slab, into: &builder) }
    }

    public func decode(_ slab: Slab) -> EventBatch {
        builder.begin(byteCount: slab.count)
        if case .records = slab.content {
            decodeLines(slab, &builder)
        } else {
            builder.append(slab.content, of: slab, kind: onlyKind)
        }
        return builder.finish(slab)
    }
}

extension LineDecoder {
    /// Decodes every line of a slab.
    @inline(__always)
    fileprivate mutating func decode(_ slab: Slab, into builder: inout BatchBuilder) {
        var rest = slab.bytes
        while let start = rest.baseAddress, !rest.isEmpty {
            let length = lineLength(start, rest.count)
            let isOpen = slab.isOpen && length == rest.count
            decode(line: UnsafeRawBufferPointer(start: start, count: length), isOpen: isOpen, into: &builder)
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(length + 1))
        }
    }

    @inline(__always)
    private mutating func decode(line: UnsafeRawBufferPointer, isOpen: Bool, into builder: inout BatchBuilder) {
        let length = line.count
        var line = line
        if line.last == UInt8(ascii: "\r") { line = UnsafeRawBufferPointer(rebasing: line.dropLast()) }
        if !line.isEmpty, !isSkipped(line: line) {
            builder.beginRecord(line)
            decode(line: line, into: &builder)
            // A last line without its end that is no record was cut off: it is not the feed's fault.
            if isOpen, builder.withdrawMalformedRecord(length: length) { return }
        }
        builder.endLine()
    }
}
