public import MarketData

/// Encodes the records of one tape.
///
/// Pure: what is appended to is the caller's.
public struct TapeEncoder: Sendable {
    /// The longest name of a connection, in bytes.
    public static let connectionBytesMax = 255
    /// The longest message, in bytes.
    public static let payloadBytesMax = TapeRecord.payloadBytesMax

    public let header: TapeHeader
    private let tag: UInt32

    public init(_ header: TapeHeader) {
        self.header = header
        tag = header.tag
    }

    /// Appends the record that begins the tape.
    public func appendHeader(to target: inout [UInt8]) {
        header.payload.withUnsafeBytes { payload in
            TapeRecord.append(
                kind: TapeRecord.headerKind,
                tag: tag,
                receiptTime: 0,
                name: UnsafeRawBufferPointer(start: nil, count: 0),
                payload: payload,
                to: &target
            )
        }
    }

    /// Appends one frame.
    ///
    /// - Throws: `TapeError` where the name or the message is too long; nothing is appended then.
    public func append(
        _ kind: TapeFrameKind,
        receiptTime: Timestamp,
        connection: UnsafeRawBufferPointer,
        payload: UnsafeRawBufferPointer,
        to target: inout [UInt8]
    ) throws(TapeError) {
        guard connection.count <= Self.connectionBytesMax else { throw .nameTooLong(connection.count) }
        guard payload.count <= Self.payloadBytesMax else { throw .payloadTooLong(payload.count) }
        TapeRecord.append(
            kind: kind.rawValue,
            tag: tag,
            receiptTime: receiptTime.nanoseconds,
            name: connection,
            payload: payload,
            to: &target
        )
    }

    /// Appends one frame.
    ///
    /// - Throws: `TapeError` where the name or the message is too long; nothing is appended then.
    public func append(
        _ kind: TapeFrameKind,
        receiptTime: Timestamp,
        connection: String,
        payload: [UInt8],
        to target: inout [UInt8]
    ) throws(TapeError) {
        let name = Array(connection.utf8)
        let result = name.withUnsafeBytes { name in
            payload.withUnsafeBytes { payload -> Result<Void, TapeError> in
                do throws(TapeError) {
                    return .success(
                        try append(kind, receiptTime: receiptTime, connection: name, payload: payload, to: &target)
                    )
                } catch {
                    return .failure(error)
                }
            }
        }
        try result.get()
    }
}
