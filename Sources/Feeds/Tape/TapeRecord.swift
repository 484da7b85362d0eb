private import CChecksum

/// What a frame of a tape is.
///
/// The raw values are part of the tape format.
public enum TapeFrameKind: UInt8, CaseIterable, Sendable {
    /// The connection was opened; the payload is its address.
    case connect = 1
    /// Sent to the venue.
    case send = 2
    /// Received from the venue.
    case receive = 3
    /// The body of a response to a request, which is not decoded.
    case http = 4
    /// Received from the venue: what it repeats of the past to whoever subscribes.
    case snapshot = 5
    /// Messages were received and not recorded; the payload is how many were received before and with them.
    case dropped = 6
    /// A response to a request that is decoded as messages are; see `AnswerPayload`.
    case answer = 7

    public var name: String {
        switch self {
        case .connect: "connect"
        case .send: "send"
        case .receive: "receive"
        case .http: "http"
        case .snapshot: "snapshot"
        case .dropped: "dropped"
        case .answer: "answer"
        }
    }
}

/// What one tape is about: said once at its beginning, and by a tag in every record.
public struct TapeHeader: Hashable, Sendable {
    /// The venue whose messages the tape holds.
    public let venue: String
    /// Who recorded it.
    public let source: String
    /// What decodes the payloads.
    public let dialect: String
    /// Tells the tape from earlier and later ones of the same source; nil where nobody needs that.
    public let id: UInt64?

    /// A header of names that fit.
    ///
    /// - Throws: `TapeError.nameTooLong`.
    public init(venue: String, source: String, dialect: String, id: UInt64? = nil) throws(TapeError) {
        for name in [venue, source, dialect] where name.utf8.count > 0xFFFF { throw .nameTooLong(name.utf8.count) }
        self.venue = venue
        self.source = source
        self.dialect = dialect
        self.id = id
    }

    /// Reads the header of a tape from its first bytes.
    ///
    /// - Throws: `TapeError` where there is no header, or no whole one.
    public init(head: [UInt8]) throws(TapeError) {
        let parsed = head.withUnsafeBytes { bytes -> Result<TapeHeader, TapeError> in
            guard TapeRecord.beginsTape(bytes) else { return .failure(.noTape) }
            guard let record = TapeRecord(bytes), record.byteCount <= bytes.count else {
                return .failure(bytes.count < TapeRecord.headerBytes ? .headerCutOff : Self.fault(bytes))
            }
            let payload = record.payload(in: bytes)
            guard record.matchesChecksum(in: bytes), let header = TapeHeader(payload: payload) else {
                return .failure(.headerDamaged)
            }
            return .success(header)
        }
        self = try parsed.get()
    }

    /// What is wrong with a record that is not whole, though its fixed part may be.
    private static func fault(_ bytes: UnsafeRawBufferPointer) -> TapeError {
        if TapeRecord(bytes) != nil { return .headerCutOff }
        return bytes[4] == TapeRecord.version ? .headerDamaged : .unknownVersion(Int(bytes[4]))
    }

    init?(payload: UnsafeRawBufferPointer) {
        var rest = payload
        var names: [String] = []
        while names.count < 3 {
            guard rest.count >= 2 else { return nil }
            let count = Int(rest.loadUnaligned(as: UInt16.self).littleEndian)
            guard rest.count >= 2 + count, let name = String(validating: rest[2..<(2 + count)], as: UTF8.self) else {
                return nil
            }
            names.append(name)
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(2 + count))
        }
        // What a later version may add behind the identifier is passed over.
        (venue, source, dialect) = (names[0], names[1], names[2])
        id = rest.count >= 8 ? rest.loadUnaligned(as: UInt64.self).littleEndian : nil
    }

    var payload: [UInt8] {
        let names = [venue, source, dialect].flatMap { name in
            withUnsafeBytes(of: UInt16(truncatingIfNeeded: name.utf8.count).littleEndian, Array.init) + Array(name.utf8)
        }
        return names + (id.map { withUnsafeBytes(of: $0.littleEndian, Array.init) } ?? [])
    }

    /// What records carry to show which tape they belong to.
    var tag: UInt32 { payload.withUnsafeBytes { tapedesk_crc32c(0, $0.baseAddress, $0.count) } }
}

/// Why a tape cannot be read or written.
public enum TapeError: Error, Equatable, Sendable, CustomStringConvertible {
    case noTape
    case headerCutOff
    case headerDamaged
    case unknownVersion(Int)
    case unknownDialect(String)
    case nameTooLong(Int)
    case payloadTooLong(Int)
    case unusableTarget

    var inputCode: InputError.Code {
        switch self {
        case .headerCutOff: .endedEarly
        case .headerDamaged: .damaged
        case .noTape, .unknownVersion, .unknownDialect, .nameTooLong, .payloadTooLong, .unusableTarget: .unsupported
        }
    }

    public var description: String {
        switch self {
        case .noTape: "it does not begin as a tape"
        case .headerCutOff: "it ends within the header of the tape"
        case .headerDamaged: "the header of the tape is damaged"
        case .unknownVersion(let version):
            "it is a tape of format version \(version), and version \(TapeRecord.version) is read"
        case .unknownDialect(let name):
            "no dialect '\(printable(name))' is known for its messages; known are "
                + " \(VenueRegistry.names.joined(separator: ", "))"
        case .nameTooLong(let count): "a name of \(count) bytes is too long for a tape"
        case .payloadTooLong(let count):
            "a message of \(count) bytes is longer than the \(TapeRecord.payloadBytesMax) that a tape takes"
        case .unusableTarget: "the target of the request cannot stand on a tape"
        }
    }
}

/// The fixed part of a record, as specified in docs/tape-format.md.
///
/// All integers are little-endian.
struct TapeRecord {
    static let headerBytes = 32
    /// Longer messages are refused when they are written: a record must fit into a slab.
    static let payloadBytesMax = 16 * 1024 * 1024
    static let magic: UInt32 = 0xF544_54FA  // FA 54 44 F5: "TD" between bytes that no UTF-8 text holds
    static let version: UInt8 = 1
    /// The kind of the record that begins a tape.
    static let headerKind: UInt8 = 0

    let kind: UInt8
    let nameCount: Int
    let payloadCount: Int
    let tag: UInt32
    let receiptTime: Int64
    private let contentChecksum: UInt32

    /// Whether a tape of any version begins here.
    static func beginsTape(_ head: [UInt8]) -> Bool { head.withUnsafeBytes { beginsTape($0) } }

    /// Whether these few bytes may go on as a tape.
    static func mayBegin(_ head: [UInt8]) -> Bool {
        head.count < 4 && withUnsafeBytes(of: magic.littleEndian) { $0.starts(with: head) }
    }

    static func beginsTape(_ head: UnsafeRawBufferPointer) -> Bool {
        head.count >= 4 && head.loadUnaligned(as: UInt32.self).littleEndian == magic
    }

    /// Reads the fixed part at the beginning of `bytes`; nil where it is not whole, or not one.
    @inline(__always)
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.headerBytes, bytes.loadUnaligned(as: UInt32.self).littleEndian == Self.magic,
            bytes.loadUnaligned(fromByteOffset: 28, as: UInt32.self).littleEndian
                == tapedesk_crc32c(0, bytes.baseAddress, 28),
            bytes[4] == Self.version
        else { return nil }
        kind = bytes[5]
        nameCount = Int(bytes[6])
        payloadCount = Int(bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self).littleEndian)
        tag = bytes.loadUnaligned(fromByteOffset: 12, as: UInt32.self).littleEndian
        receiptTime = bytes.loadUnaligned(fromByteOffset: 16, as: Int64.self).littleEndian
        contentChecksum = bytes.loadUnaligned(fromByteOffset: 24, as: UInt32.self).littleEndian
        guard payloadCount <= Self.payloadBytesMax else { return nil }
    }

    /// The length of the whole record.
    var byteCount: Int { Self.headerBytes + nameCount + payloadCount }

    func name(in bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[Self.headerBytes..<(Self.headerBytes + nameCount)])
    }

    func payload(in bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[(Self.headerBytes + nameCount)..<byteCount])
    }

    /// Whether the name and the payload are as they were written; the record is whole in `bytes`.
    func matchesChecksum(in bytes: UnsafeRawBufferPointer) -> Bool {
        let content = UnsafeRawBufferPointer(rebasing: bytes[Self.headerBytes..<byteCount])
        return contentChecksum == tapedesk_crc32c(0, content.baseAddress, content.count)
    }

    /// Appends a whole record.
    ///
    /// The lengths were checked.
    static func append(
        kind: UInt8,
        tag: UInt32,
        receiptTime: Int64,
        name: UnsafeRawBufferPointer,
        payload: UnsafeRawBufferPointer,
        to target: inout [UInt8]
    ) {
        let checksum = tapedesk_crc32c(
            tapedesk_crc32c(0, name.baseAddress, name.count),
            payload.baseAddress,
            payload.count
        )
        withUnsafeTemporaryAllocation(byteCount: headerBytes, alignment: 8) { header in
            header.storeBytes(of: magic.littleEndian, as: UInt32.self)
            header[4] = version
            header[5] = kind
            header[6] = UInt8(truncatingIfNeeded: name.count)
            header[7] = 0
            header.storeBytes(of: UInt32(payload.count).littleEndian, toByteOffset: 8, as: UInt32.self)
            header.storeBytes(of: tag.littleEndian, toByteOffset: 12, as: UInt32.self)
            header.storeBytes(of: receiptTime.littleEndian, toByteOffset: 16, as: Int64.self)
            header.storeBytes(of: checksum.littleEndian, toByteOffset: 24, as: UInt32.self)
            let headerChecksum = tapedesk_crc32c(0, header.baseAddress, 28)
            header.storeBytes(of: headerChecksum.littleEndian, toByteOffset: 28, as: UInt32.self)
            target.append(contentsOf: header)
        }
        target.append(contentsOf: name)
        target.append(contentsOf: payload)
    }
}
