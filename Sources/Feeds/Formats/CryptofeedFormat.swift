public import MarketData

/// Recordings of cryptofeed: one JSON envelope a line, with the raw message as text inside.
///
/// `{"t":"recv","conn":"KRAKEN.ws.48","ts":1618678142.592855,"data":"[993,[[…"}`. The keys come in any order; `t` is
/// `header` (once, naming the exchange), `http`, `connect`, `send` or `recv`. Only received messages hold events;
/// the other lines are ignored under the name of their type. A connection's name is part of its streams' names.
public struct CryptofeedFormat: LineFormat {
    public let name = "cryptofeed"
    public let onlyKind: EventKind? = nil
    private let venue: String
    private let dialect: any VenueDialect.Type

    /// The format of a recording of `exchange`, as its header names it.
    ///
    /// `venue` is what the instruments are filed under; the exchange, where that is nil.
    ///
    /// - Throws: `UnknownVenueError` where the exchange has no dialect.
    public init(venue: String? = nil, exchange: String) throws(UnknownVenueError) {
        dialect = try VenueRegistry.dialect(named: exchange)
        self.venue = venue ?? exchange
    }

    public func makeDecoder() -> any RecordDecoder {
        LineRecordDecoder(CryptofeedLines(dialect: dialect.init()), venue: venue)
    }

    /// The exchange that a recording's first line names; nil where the line is no header, or not whole.
    public static func exchange(inFirstLine bytes: UnsafeRawBufferPointer) -> String? {
        let line = UnsafeRawBufferPointer(rebasing: bytes.prefix { $0 != UInt8(ascii: "\n") })
        let slab = Slab(copying: line, offset: 0)
        let tokenizer = JSONTokenizer()
        if let header = try? tokenizer.tokenize(slab.bytes, depthMax: 0).root {
            guard header["t"]?.isString("header") == true else { return nil }
            return header["exchange"]?.string
        }
        return nil
    }
}

struct CryptofeedLines: LineDecoder {
    /// A message of the usual length is unescaped into memory that is kept.
    private static let messageBytesKept = 2 * 1024 * 1024

    private let tokenizer = JSONTokenizer()
    private var dialect: any VenueDialect
    private var message: [UInt8] = []

    init(dialect: any VenueDialect) {
        self.dialect = dialect
    }

    mutating func decode(line: UnsafeRawBufferPointer, into builder: inout BatchBuilder) {
        guard let envelope = try? tokenizer.tokenize(line, depthMax: 0).root, envelope.form == .object else {
            builder.reject(.malformed, "the line is not an envelope of JSON")
            return
        }
        do throws(MessageFault) {
            try decode(envelope: envelope, into: &builder)
        } catch {
            builder.reject(error)
        }
    }

    private mutating func decode(envelope: JSONValue, into builder: inout BatchBuilder) throws(MessageFault) {
        let type = try envelope.required("t")
        if type.isString("recv") {
            try decodeReceived(envelope, &builder)
        } else if type.isString("connect") {
            dialect.connected(try Self.frame(envelope), into: &builder)
            builder.ignore("connect")
        } else if type.isString("send") {
            builder.ignore("send")
        } else if type.isString("http") {
            builder.ignore("http")
        } else if type.isString("header") {
            builder.ignore("header")
        } else {
            builder.ignore("unknown")
        }
    }

    /// When and by which connection a message was received.
    ///
    /// Refers to the line, not to the envelope's tokens.
    private static func frame(_ envelope: JSONValue) throws(MessageFault) -> Frame {
        let connection = try envelope.required("conn")
        guard connection.form == .string else { throw MessageFault(.missingField, "conn") }
        return Frame(receiptTime: try envelope.time("ts", .seconds), connection: connection.text)
    }

    private mutating func decodeReceived(
        _ envelope: JSONValue,
        _ builder: inout BatchBuilder
    ) throws(MessageFault) {
        let frame = try Self.frame(envelope)
        let data = try envelope.required("data")
        guard data.form == .string, let count = JSONTokenizer.unescape(data.text, into: &message) else {
            throw MessageFault(.missingField, "data")
        }
        // The tokenizer is free again: what was needed of the envelope has been read.
        message.withUnsafeBytes {
            let text = UnsafeRawBufferPointer(rebasing: $0[0..<count])
            dialect.decode(text, frame: frame, with: tokenizer, into: &builder)
        }
        if message.count > Self.messageBytesKept { message = [] }
    }
}
