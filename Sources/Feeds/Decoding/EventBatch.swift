public import MarketData

/// A record that was not stored as an event, with what an operator needs to look into it.
public struct RejectedRecord: Sendable {
    /// Of a longer record only this much is kept, beside its length.
    public static let rawBytesMax = 64 * 1024

    public var position: TapePosition
    public let rule: RejectRule
    /// A sentence for people; names fields, not values.
    public let reason: String
    /// The name of the kind, `ticket` for records of tickets; nil where the record did not get far enough to have one.
    public let kindName: String?
    /// The source's name of the ticket that the record is about, where it got far enough to name one.
    public let ticket: String?
    public let raw: [UInt8]
    public let rawLength: Int

    public init(
        position: TapePosition,
        rule: RejectRule,
        reason: String,
        kindName: String?,
        ticket: String? = nil,
        raw: [UInt8],
        rawLength: Int
    ) {
        self.position = position
        self.rule = rule
        self.reason = reason
        self.kindName = kindName
        self.ticket = ticket
        self.raw = raw
        self.rawLength = rawLength
    }

    /// The kind of event that the record would have been; nil where that is not known, and for tickets.
    public var kind: EventKind? { kindName.flatMap { EventKind(name: $0) } }

    /// What a record is rejected with that is longer than a reader holds.
    static func tooLarge(_ slab: Slab, length: Int, line: Int64, kindName: String?) -> RejectedRecord {
        RejectedRecord(
            position: TapePosition(line: line, event: 0),
            rule: .recordTooLarge,
            reason: "a record of \(length) bytes is longer than the \(SlabReader.recordBytesMax) that are read",
            kindName: kindName,
            raw: Array(slab.bytes.prefix(rawBytesMax)),
            rawLength: length
        )
    }
}

/// Everything that one slab decodes to.
///
/// Positions count lines from the start of the slab.
public struct EventBatch: Sendable {
    public var events: ContiguousArray<MarketEvent> = []
    /// The texts of the events' text identifiers.
    public var texts = TextPool()
    /// What the events' indexes refer to: tables of the decoder that only grow.
    public internal(set) var instruments: [Instrument] = []
    public internal(set) var streams: [String] = []
    public var rejected: [RejectedRecord] = []
    /// Numbers of whole messages, in the order of the tape; see `SequenceObservation`.
    public var observations: [SequenceObservation] = []
    /// Messages that are no events, by kind.
    public var ignored: [String: Int] = [:]
    /// Records (lines, rows, frames) in the slab; blank lines and a header line are none.
    public var records = 0
    /// Lines or frames in the slab, whatever they hold: by these positions count.
    public var lines: Int64 = 0
    /// The tape's offsets that the slab covered.
    public var offsets: Range<Int64> = 0..<0
    /// The beginning of the record, where the tape ends in the middle of one.
    public var truncatedRecord: [UInt8]?
    /// How many bytes of that record are there, at the end of the slab.
    public var truncatedRecordLength = 0
    /// Whether the tape ends with a line that has no line end.
    public var endsWithOpenLine = false

    public init() {}
}

/// Collects what a decoder finds, numbering and validating events on the way in.
///
/// Belongs to one decoder and is used by one task at a time.
public struct BatchBuilder {
    public private(set) var batch = EventBatch()
    private var instrumentTable = NameTable()
    private var streamTable = NameTable()
    private var instruments: [Instrument] = []
    /// Whether the symbol of each instrument is one: events of others are rejected.
    private var instrumentIsValid: [Bool] = []
    private var streams: [String] = []
    private let venue: String
    private var eventInLine: Int64 = 0
    private var record = UnsafeRawBufferPointer(start: nil, count: 0)
    /// The bytes that the current record's rejections share, once there is one.
    private var rejectedRaw: [UInt8] = []
    private var hasRejectedRaw = false

    /// `venue` is the venue of every instrument that the decoder names by symbol alone.
    public init(venue: String) {
        self.venue = venue
    }

    /// Starts a batch for a slab of about `byteCount` bytes.
    public mutating func begin(byteCount: Int) {
        batch = EventBatch()
        // A slab beyond the usual size holds one huge record, which is a book more often than events.
        batch.events.reserveCapacity(min(byteCount, SlabReader.slabBytes) / 128 + 16)
        eventInLine = 0
    }

    /// Ends the batch of `slab` and returns it with the tables that its events refer to.
    public mutating func finish(_ slab: Slab) -> EventBatch {
        batch.offsets = slab.offsets
        batch.endsWithOpenLine = slab.isOpen
        batch.instruments = instruments
        batch.streams = streams
        let finished = batch
        batch = EventBatch()
        return finished
    }

    /// Starts the next line that holds a record.
    @inline(__always)
    public mutating func beginRecord(_ raw: UnsafeRawBufferPointer) {
        record = raw
        batch.records += 1
        eventInLine = 0
        hasRejectedRaw = false
    }

    /// Ends a line, whether it held a record or not.
    @inline(__always)
    public mutating func endLine() {
        batch.lines += 1
    }

    /// The index of the instrument with that symbol at the decoder's venue.
    @inline(__always)
    public mutating func instrument(symbol: UnsafeRawBufferPointer) -> Int32 {
        let (index, isNew) = instrumentTable.index(of: symbol)
        if isNew { addInstrument(symbol) }
        return Int32(truncatingIfNeeded: index)
    }

    /// The index of the sequence stream with that name.
    @inline(__always)
    public mutating func stream(_ name: UnsafeRawBufferPointer) -> Int32 {
        let (index, isNew) = streamTable.index(of: name)
        if isNew { streams.append(String(decoding: name, as: UTF8.self)) }
        return Int32(truncatingIfNeeded: index)
    }

    public mutating func stream(_ name: String) -> Int32 {
        var copy = name
        return copy.withUTF8 { stream(UnsafeRawBufferPointer($0)) }
    }

    /// The index of the stream of a topic on a connection, named `connection|topic`; without a connection, `topic`.
    ///
    /// Equal topics of two connections are two streams: each connection numbers and repeats on its own.
    @inline(__always)
    public mutating func stream(connection: UnsafeRawBufferPointer, topic: UnsafeRawBufferPointer) -> Int32 {
        connection.isEmpty ? stream(topic) : stream(joining: connection, topic)
    }

    /// The index of the stream of a channel and symbol, named `connection|channel|symbol`.
    @inline(__always)
    public mutating func stream(
        connection: UnsafeRawBufferPointer,
        channel: StaticString,
        symbol: UnsafeRawBufferPointer
    ) -> Int32 {
        let name = UnsafeRawBufferPointer(start: channel.utf8Start, count: channel.utf8CodeUnitCount)
        return connection.isEmpty ? stream(joining: name, symbol) : stream(joining: connection, name, symbol)
    }

    /// Joins the parts on the stack: naming a stream must not allocate for every event.
    private mutating func stream(
        joining first: UnsafeRawBufferPointer,
        _ second: UnsafeRawBufferPointer,
        _ third: UnsafeRawBufferPointer? = nil
    ) -> Int32 {
        let count = first.count + second.count + 1 + (third.map { $0.count + 1 } ?? 0)
        return withUnsafeTemporaryAllocation(byteCount: count, alignment: 1) { name in
            name.copyBytes(from: first)
            name[first.count] = UInt8(ascii: "|")
            var end = first.count + 1
            UnsafeMutableRawBufferPointer(rebasing: name[end...]).copyBytes(from: second)
            end += second.count
            if let third {
                name[end] = UInt8(ascii: "|")
                UnsafeMutableRawBufferPointer(rebasing: name[(end + 1)...]).copyBytes(from: third)
            }
            return stream(UnsafeRawBufferPointer(name))
        }
    }

    private mutating func addInstrument(_ symbol: UnsafeRawBufferPointer) {
        let text = String(validating: symbol, as: UTF8.self)
        let isPlain = symbol.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
        instrumentIsValid.append(text != nil && isPlain && (1...Self.symbolBytesMax).contains(symbol.count))
        instruments.append(Instrument(venue: venue, symbol: text ?? String(decoding: symbol, as: UTF8.self)))
    }

    /// The longest symbol that is taken for one; those of options, the longest in use, have about 30 bytes.
    private static let symbolBytesMax = 256

    /// The instrument at an index that this builder gave.
    public func instrument(at index: Int32) -> Instrument { instruments[Int(index)] }

    public mutating func addText(_ text: UnsafeRawBufferPointer) -> EventID { batch.texts.add(text) }

    /// Adds an event of the current record after validating it; what is impossible becomes a rejected record.
    @inline(__always)
    public mutating func append(_ event: MarketEvent) {
        var event = event
        event.position = TapePosition(line: batch.lines, event: eventInLine)
        if let rule = instrumentIsValid[Int(event.instrument)] ? event.validate() : .invalidSymbol {
            rejectImpossible(event, rule)
            return
        }
        guard eventInLine < Self.eventsMax else {
            rejectOverflow()
            return
        }
        eventInLine += 1
        batch.events.append(event)
    }

    private mutating func rejectImpossible(_ event: MarketEvent, _ rule: RejectRule) {
        // The number arrived, so its absence among the stored events is no gap of the feed.
        if event.sequenceRule == .contiguous {
            observe(event.orderNumber, on: event.stream, rule: .contiguous, isOfRejectedEvent: true)
        }
        reject(rule, "the \(event.payload.kind.name) is impossible: \(rule.explanation)", kind: event.payload.kind)
    }

    /// Reports the number of the current message, or with nil that its stream's numbering starts anew.
    @inline(__always)
    public mutating func observe(stream: Int32, number: Int64?, rule: SequenceRule) {
        observe(number, on: stream, rule: rule, isOfRejectedEvent: false)
    }

    @inline(__always)
    private mutating func observe(_ number: Int64?, on stream: Int32, rule: SequenceRule, isOfRejectedEvent: Bool) {
        batch.observations.append(
            SequenceObservation(
                position: TapePosition(line: batch.lines, event: eventInLine),
                stream: stream,
                number: number,
                rule: rule,
                isOfRejectedEvent: isOfRejectedEvent
            )
        )
    }

    /// The last place within a line stands for everything that found no place.
    private static let eventsMax: Int64 = (1 << TapePosition.eventBits) - 1

    /// Counts the current record's message as one that is no event.
    public mutating func ignore(_ kind: String) {
        batch.ignored[kind, default: 0] += 1
    }

    /// Keeps the current record, or one event of it, as rejected.
    public mutating func reject(_ rule: RejectRule, _ reason: String, kind: EventKind? = nil) {
        guard eventInLine < Self.eventsMax else {
            rejectOverflow()
            return
        }
        appendRejected(rule, reason, kind)
        eventInLine += 1
    }

    /// Says once, at the last position of the line, that the record holds more than positions can number.
    private mutating func rejectOverflow() {
        guard eventInLine == Self.eventsMax else { return }
        appendRejected(.tooManyEvents, "one record holds more than \(Self.eventsMax) events", nil)
        eventInLine += 1
    }

    private mutating func appendRejected(_ rule: RejectRule, _ reason: String, _ kind: EventKind?) {
        // A record of thousands of bad events keeps one copy of its bytes.
        if !hasRejectedRaw {
            rejectedRaw = Array(record.prefix(RejectedRecord.rawBytesMax))
            hasRejectedRaw = true
        }
        batch.rejected.append(
            RejectedRecord(
                position: TapePosition(line: batch.lines, event: min(eventInLine, Self.eventsMax)),
                rule: rule,
                reason: reason,
                kindName: kind?.name,
                raw: rejectedRaw,
                rawLength: record.count
            )
        )
    }

    /// Drops what of the current record is no news, and counts it as ignored.
    ///
    /// What stays keeps its place.
    mutating func keep(_ news: AnswerNews) {
        guard news != .all else { return }
        let before = batch.events.count + batch.rejected.count
        let line = batch.lines
        func isDropped(_ position: TapePosition) -> Bool { position.line == line && !news.contains(position.place) }
        // Only the end of either list is of the current record.
        let events = batch.events.lastIndex { $0.position.line != line }.map { $0 + 1 } ?? 0
        let kept = batch.events[events...].filter { !isDropped($0.position) }
        batch.events.replaceSubrange(events..., with: kept)
        batch.rejected.removeAll { isDropped($0.position) }
        let dropped = before - batch.events.count - batch.rejected.count
        if dropped > 0 { batch.ignored["repeated", default: 0] += dropped }
    }

    /// Turns the current record, if it was rejected as malformed, into the one that the tape was cut in.
    mutating func withdrawMalformedRecord(length: Int) -> Bool {
        let line = batch.lines
        guard let last = batch.rejected.last, last.position.line == line, last.rule == .malformed else { return false }
        batch.truncatedRecord = last.raw
        batch.truncatedRecordLength = length
        batch.rejected.removeAll { $0.position.line == line }
        batch.events.removeAll { $0.position.line == line }
        batch.observations.removeAll { $0.position.line == line }
        batch.records -= 1
        return true
    }

    /// Accounts for a slab that holds no whole record.
    mutating func append(_ content: Slab.Content, of slab: Slab, kind: EventKind?) {
        switch content {
        case .records: break
        case .truncatedRecord:
            batch.truncatedRecord = Array(slab.bytes.prefix(RejectedRecord.rawBytesMax))
            batch.truncatedRecordLength = slab.count
        case .oversizedRecord(let length):
            beginRecord(slab.bytes)
            batch.rejected.append(.tooLarge(slab, length: length, line: batch.lines, kindName: kind?.name))
            endLine()
        }
    }
}

extension TapePosition {
    /// The place within the line, counted from zero.
    var place: Int { Int(rawValue & ((1 << Self.eventBits) - 1)) }
}
