public import MarketData

/// A file that is the body of one answer of a venue's REST interface: one message, and so one record.
public struct BodyFormat: RecordFormat {
    public let name: String
    private let venue: String
    private let dialect: any VenueDialect.Type

    public init(_ name: FormatName, _ dialect: any VenueDialect.Type, venue: String) {
        self.name = name.rawValue
        self.dialect = dialect
        self.venue = venue
    }

    public var onlyKind: EventKind? { nil }

    public func makeDecoder() -> any RecordDecoder { BodyDecoder(dialect.init(), venue: venue) }

    // Nothing within the file ends the record.
    public func wholeRecords(in bytes: UnsafeRawBufferPointer) -> Int { 0 }
    public func firstRecord(in bytes: UnsafeRawBufferPointer) -> (byteCount: Int, isRecord: Bool) {
        (bytes.count, true)
    }
    public func skipRecord(in bytes: UnsafeRawBufferPointer) -> (count: Int, foundEnd: Bool) { (bytes.count, false) }
    public var lastRecordMayBeOpen: Bool { true }
}

private final class BodyDecoder: RecordDecoder {
    private let tokenizer = JSONTokenizer()
    private var dialect: any VenueDialect
    private var builder: BatchBuilder

    init(_ dialect: any VenueDialect, venue: String) {
        self.dialect = dialect
        builder = BatchBuilder(venue: venue)
    }

    func decode(_ slab: Slab) -> EventBatch {
        builder.begin(byteCount: slab.count)
        guard case .records = slab.content else {
            builder.append(slab.content, of: slab, kind: nil)
            return builder.finish(slab)
        }
        builder.beginRecord(slab.bytes)
        dialect.decode(slab.bytes, frame: Frame(receiptTime: .absent), with: tokenizer, into: &builder)
        // A body that is no JSON was cut off: it is not the venue's fault.
        if slab.isOpen, builder.withdrawMalformedRecord(length: slab.count) { return builder.finish(slab) }
        builder.endLine()
        return builder.finish(slab)
    }
}
