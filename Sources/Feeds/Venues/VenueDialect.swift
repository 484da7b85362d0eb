public import MarketData

/// The language of one venue: what its messages mean.
///
/// A dialect knows nothing of files or sockets; recordings and live sources hand it one received message at a time.
/// It keeps scratch memory at most, nothing that one message tells about another, so that slabs of a recording
/// decode in any order. Used by one task at a time.
public protocol VenueDialect: SendableMetatype {
    /// The names under which recordings and configurations call the venue, in capitals, the usual one first.
    static var names: [String] { get }

    /// How deep a message is parsed at first: just enough to tell what it is, so that books stay unparsed text.
    static var initialDepth: Int { get }

    init()

    /// Decodes one message into events, or counts it as ignored, once.
    ///
    /// - Throws: `MessageFault`, where nothing of the message can be used. One bad event of several is rejected on
    ///   its own.
    mutating func decode(_ message: inout VenueMessage, into builder: inout BatchBuilder) throws(MessageFault)

    /// A connection was made, which may bear the name of an earlier one.
    mutating func connected(_ frame: Frame, into builder: inout BatchBuilder)

    /// Decodes an answer of the venue's REST interface into events, in the order in which they happened, or counts it
    /// as ignored.
    ///
    /// What is numbered goes to the stream of the same live messages, under the same connection, so that an answer
    /// fills a hole between them.
    ///
    /// - Throws: `MessageFault`, where nothing of the answer can be used.
    mutating func decode(_ answer: VenueAnswer, into builder: inout BatchBuilder) throws(MessageFault)
}

extension VenueDialect {
    public mutating func connected(_ frame: Frame, into builder: inout BatchBuilder) {}

    /// Decodes the text of one message, behind which `Slab.padding` bytes are readable.
    ///
    /// The caller has begun and will end the record.
    @inline(__always)
    public mutating func decode(
        _ text: UnsafeRawBufferPointer,
        frame: Frame,
        with tokenizer: JSONTokenizer,
        into builder: inout BatchBuilder
    ) {
        do throws(MessageFault) {
            var message = try VenueMessage(text, frame: frame, depth: Self.initialDepth, tokenizer: tokenizer)
            try decode(&message, into: &builder)
        } catch {
            builder.reject(error)
        }
    }
}

/// How and when a message was received.
public struct Frame {
    /// When it was received; absent where the recording does not say.
    public var receiptTime: Timestamp
    /// The name of the connection, valid while the message is decoded; empty where there is only one.
    public var connection: UnsafeRawBufferPointer

    public init(
        receiptTime: Timestamp,
        connection: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
    ) {
        self.receiptTime = receiptTime
        self.connection = connection
    }
}

/// One received message, parsed as deep as was asked for so far.
public struct VenueMessage {
    public let frame: Frame
    /// The whole message.
    ///
    /// Values taken from it are invalid after `parse(depth:)`.
    public private(set) var root: JSONValue
    private let text: UnsafeRawBufferPointer
    private let tokenizer: JSONTokenizer

    /// - Throws: `MessageFault` where the text is not JSON.
    @inline(__always)
    public init(
        _ text: UnsafeRawBufferPointer,
        frame: Frame,
        depth: Int,
        tokenizer: JSONTokenizer
    ) throws(MessageFault) {
        self.text = text
        self.frame = frame
        self.tokenizer = tokenizer
        root = try Self.tokenize(text, depth, tokenizer)
    }

    /// Parses the message again, down to another depth.
    ///
    /// - Throws: `MessageFault` where what was skipped before is not JSON.
    public mutating func parse(depth: Int) throws(MessageFault) {
        root = try Self.tokenize(text, depth, tokenizer)
    }

    @inline(__always)
    private static func tokenize(
        _ text: UnsafeRawBufferPointer,
        _ depth: Int,
        _ tokenizer: JSONTokenizer
    ) throws(MessageFault) -> JSONValue {
        do throws(JSONSyntaxError) {
            return try tokenizer.tokenize(text, depthMax: depth).root
        } catch {
            throw MessageFault(.malformed, "")
        }
    }
}
