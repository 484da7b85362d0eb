import BSON
private import CChecksum
import DocumentStore
public import MarketData

/// A document of market data as a file of an archive: a manifest, and its blocks as they were.
///
/// docs/archive-format.md specifies the file. A value of this type is checked: the blocks decode, and the manifest says
/// of them what is so.
public struct ArchivedSegment: Sendable {
    let outline: BucketOutline
    /// Everything but the blocks, and what belongs to the database that it came from.
    let document: BSONDocument
    let blocks: [[UInt8]]

    /// The id of the document.
    public var id: String { outline.id }
    public var instrument: Instrument { outline.instrument }
    public var eventCount: Int64 { outline.state.eventCount }

    /// The largest file: that of the largest document of MongoDB, and room for the manifest.
    static let fileBytesMax = 32 << 20

    private static let magic = Array("TDA1".utf8)
    private static let formatVersion: Int64 = 1

    private enum ManifestField {
        static let formatVersion = "format_version"
        static let document = "document"
    }

    /// Takes a document as it was read, whose blocks are all sealed.
    ///
    /// - Throws: `ArchiveError` of code `damaged` where the document is not what it says.
    init(_ stored: StoredBucket) throws(ArchiveError) {
        typealias Field = MarketDataCollection.Field
        let left: Set<String> = [Field.blocks, DocumentField.lastOperationID, Field.keepUntil]
        let fields = stored.document.fields.filter { !left.contains($0.key) }.map { ($0.key, $0.value) }
        try self.init(BSONDocument(fields), (stored.document[Field.blocks]?.array ?? []).map(\.binary))
    }

    private init(_ document: BSONDocument, _ blocks: [[UInt8]?]) throws(ArchiveError) {
        self.blocks = blocks.compactMap(\.self)
        do throws(StoreError) {
            // A file that an older program wrote comes back as this one would have written it.
            self.document = try MarketDataCollection.schema.current(document)
            outline = try BucketOutline(self.document)
        } catch {
            throw error.code == .newerSchema ? ArchiveError(.newer, error.message) : Self.damaged(error.message)
        }
        guard outline.id == outline.documentKey.id.string, outline.replacedBy == nil, outline.deleted == nil else {
            throw Self.damaged("the id does not match the fields, or the document is not one that holds events")
        }
        guard blocks.count == self.blocks.count, outline.isSealed else {
            throw Self.damaged("not all blocks are sealed")
        }
        if let problem = BucketContent.problems(of: outline, self.document, self.blocks).first {
            throw Self.damaged(problem)
        }
    }

    private static func damaged(_ problem: String) -> ArchiveError {
        ArchiveError(.damaged, "this is no whole document of market data: \(problem)")
    }
}

// MARK: - Files

extension ArchivedSegment {
    /// The file, and the checksum at its end.
    ///
    /// - Throws: `ArchiveError` where a field cannot be written, or the file would be too large.
    func file() throws(ArchiveError) -> (bytes: [UInt8], checksum: UInt32) {
        let manifest = ManifestText.encode([
            ManifestField.formatVersion: .int64(Self.formatVersion), ManifestField.document: .document(document),
        ])
        guard let manifest else { throw Self.damaged("a field has a type that manifests do not have") }
        var bytes = Self.magic
        Self.append(manifest, to: &bytes)
        Self.append(UInt32(blocks.count), to: &bytes)
        for block in blocks { Self.append(block, to: &bytes) }
        let checksum = Self.checksum(bytes[...])
        Self.append(checksum, to: &bytes)
        guard bytes.count <= Self.fileBytesMax else { throw Self.damaged("it is larger than any file of an archive") }
        return (bytes, checksum)
    }

    /// Reads a file, and checks everything in it.
    ///
    /// - Throws: `ArchiveError` of code `damaged`, or `newer` where a newer program wrote it.
    public init(file bytes: [UInt8]) throws(ArchiveError) {
        var rest = bytes[...]
        guard rest.starts(with: Self.magic) else {
            throw ArchiveError(.damaged, "this is no file of an archive: it does not begin with TDA1")
        }
        let body = rest.dropLast(4)
        var end = rest.suffix(4)
        guard bytes.count > 12, Self.integer(&end) == Self.checksum(body) else {
            throw ArchiveError(.damaged, "the file is damaged: its checksum does not match its content")
        }
        rest = body.dropFirst(Self.magic.count)
        guard let text = Self.piece(&rest), let manifest = ManifestText.decode(text),
            let document = manifest[ManifestField.document]?.document
        else { throw ArchiveError(.damaged, "the file has no manifest that can be read") }
        guard manifest[ManifestField.formatVersion]?.integer == Self.formatVersion else {
            throw ArchiveError(.damaged, "the file is of another format version than \(Self.formatVersion)")
        }
        var blocks: [[UInt8]] = []
        // Each block takes four bytes at least, so a wrong count ends soon.
        for _ in 0..<(Self.integer(&rest) ?? 0) {
            guard let block = Self.piece(&rest) else { throw Self.damaged("it ends in the middle of a block") }
            blocks.append(Array(block))
        }
        guard rest.isEmpty else { throw Self.damaged("there is something behind the last block") }
        try self.init(document, blocks)
    }

    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.withUnsafeBytes { tapedesk_crc32c(0, $0.baseAddress, $0.count) }
    }

    private static func append(_ number: UInt32, to bytes: inout [UInt8]) {
        for shift in stride(from: UInt32(0), to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
    }

    private static func append(_ piece: [UInt8], to bytes: inout [UInt8]) {
        append(UInt32(piece.count), to: &bytes)
        bytes += piece
    }

    private static func integer(_ bytes: inout ArraySlice<UInt8>) -> UInt32? {
        guard bytes.count >= 4 else { return nil }
        defer { bytes.removeFirst(4) }
        return bytes.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    private static func piece(_ bytes: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let count = integer(&bytes), bytes.count >= Int(count) else { return nil }
        defer { bytes.removeFirst(Int(count)) }
        return bytes.prefix(Int(count))
    }
}
