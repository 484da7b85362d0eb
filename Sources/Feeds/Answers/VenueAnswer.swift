import MarketData

/// One answer of a venue's REST interface.
///
/// Refers to memory of the frame and is valid while the answer is decoded.
public struct VenueAnswer {
    public let target: AnswerTarget
    public let frame: Frame
    private let body: UnsafeRawBufferPointer
    private let tokenizer: JSONTokenizer

    fileprivate init(
        _ target: AnswerTarget,
        _ body: UnsafeRawBufferPointer,
        _ frame: Frame,
        _ tokenizer: JSONTokenizer
    ) {
        self.target = target
        self.frame = frame
        self.body = body
        self.tokenizer = tokenizer
    }

    /// Parses the body down to a depth.
    ///
    /// - Throws: `MessageFault` where it is not JSON.
    public func message(depth: Int) throws(MessageFault) -> VenueMessage {
        try VenueMessage(body, frame: frame, depth: depth, tokenizer: tokenizer)
    }

    /// The value of a key of the query, without escapes.
    ///
    /// - Throws: `MessageFault` where it is missing.
    func required(_ key: StaticString) throws(MessageFault) -> String {
        guard let value = target.value(key), !value.isEmpty else { throw MessageFault(.missingField, key) }
        return value
    }
}

extension VenueDialect {
    public mutating func decode(_ answer: VenueAnswer, into builder: inout BatchBuilder) throws(MessageFault) {
        builder.ignore(TapeFrameKind.answer.name)
    }

    /// Decodes the payload of a frame of kind `answer`, behind which `Slab.padding` bytes are readable.
    ///
    /// The caller has begun and will end the record.
    public mutating func decodeAnswer(
        _ payload: UnsafeRawBufferPointer,
        frame: Frame,
        with tokenizer: JSONTokenizer,
        into builder: inout BatchBuilder
    ) {
        let head = payload.prefix(AnswerTarget.bytesMax + 1)
        guard let end = head.firstIndex(of: UInt8(ascii: "\n")) else {
            let isLong = payload.count > AnswerTarget.bytesMax
            let most = AnswerTarget.bytesMax
            builder.reject(
                .malformed,
                isLong ? "the answer's target is longer than \(most) bytes" : "the answer has no line with its target"
            )
            return
        }
        guard let target = AnswerTarget(UnsafeRawBufferPointer(rebasing: head[..<end])) else {
            builder.reject(.malformed, "the first line of the answer is no target of a request")
            return
        }
        do throws(MessageFault) {
            try decode(VenueAnswer(target, payload.dropping(end + 1), frame, tokenizer), into: &builder)
        } catch {
            builder.reject(error)
        }
        builder.keep(target.news)
    }
}

extension BatchBuilder {
    /// Counts an answer as one that refuses, or tells an error.
    mutating func ignoreRefusal() { ignore("error") }

    /// Counts an answer as one that holds nothing.
    mutating func ignoreEmpty() { ignore("empty") }

    /// The index of the stream of a topic on a connection.
    mutating func stream(connection: UnsafeRawBufferPointer, topic: String) -> Int32 {
        var topic = topic
        return topic.withUTF8 { stream(connection: connection, topic: UnsafeRawBufferPointer($0)) }
    }
}

extension JSONValue {
    /// The elements of a list in ascending order of a number of theirs.
    ///
    /// Venues send lists in one direction or the other; which one is seen by the ends. Where they do not tell, the
    /// list is as the venue documents it.
    func ascending(by field: StaticString, newestFirst: Bool = false) -> [JSONValue] {
        let list = Array(elements)
        let ends = (list.first?[field]?.integer, list.last?[field]?.integer)
        guard let first = ends.0, let last = ends.1, first != last else { return newestFirst ? list.reversed() : list }
        return first < last ? list : list.reversed()
    }
}
