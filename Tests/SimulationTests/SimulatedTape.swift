import Feeds
import MarketData
import SimulatedStore

/// One record of a simulated tape, before it becomes text.
struct TapeRecord {
    /// What is wrong with the record on purpose.
    enum Fault: CaseIterable {
        case malformed
        case missingPrice
        case zeroPrice
        case negativeSize
    }

    var symbol: String
    var stream: String
    var sequence: Int64?
    var id: String?
    var milliseconds: Int64
    var receiptMilliseconds: Int64?
    /// The price, or the bid, in hundredths.
    var cents: Int64
    /// The ask minus the bid.
    var spread: Int64 = 1
    var size: Int64
    var side = Side.unknown
    var fault: Fault?
}

/// A small recording with everything that goes wrong with recordings, and the bytes that stand for it.
struct SimulatedTape {
    enum Line {
        case blank
        case record(TapeRecord)
    }

    static let venue = "SIM"

    var kind = EventKind.trade
    var lines: [Line] = []
    var lineEnd = "\n"
    /// Whether the last line lacks its line end.
    var endsOpen = false
    /// The beginning of a record that was never finished.
    var tail = ""

    var symbols: [String] {
        var symbols = Set<String>()
        for case .record(let record) in lines { symbols.insert(record.symbol) }
        return symbols.sorted()
    }

    var bytes: [UInt8] {
        var text = lines.map(text).joined(separator: lineEnd)
        if !endsOpen { text += lineEnd }
        return Array((text + tail).utf8)
    }

    /// The format that reads the tape.
    func format() throws -> NDJSONFormat {
        var map = "symbol=s,stream=c,time=t,receipt=r,sequence=n"
        map += kind == .trade ? ",price=p,size=q,id=i,side=d" : ",bid_price=b,bid_size=q,ask_price=a"
        return NDJSONFormat(mapping: try FieldMapping(parsing: map), venue: Self.venue)
    }

    private func text(_ line: Line) -> String {
        guard case .record(let record) = line else { return "" }
        if record.fault == .malformed { return "{\"s\":\"\(record.symbol)\",\"t\"" }
        var fields = ["\"s\":\"\(record.symbol)\"", "\"c\":\"\(record.stream)\"", "\"t\":\(record.milliseconds)"]
        if let receipt = record.receiptMilliseconds { fields.append("\"r\":\(receipt)") }
        if let sequence = record.sequence { fields.append("\"n\":\(sequence)") }
        let size = record.fault == .negativeSize ? -1 : record.size
        let cents = record.fault == .zeroPrice ? 0 : record.cents
        fields.append("\"q\":\(size)")
        if kind == .trade {
            if let id = record.id { fields.append("\"i\":\"\(id)\"") }
            if record.fault != .missingPrice { fields.append("\"p\":\"\(Self.decimal(cents))\"") }
            if record.side != .unknown { fields.append("\"d\":\"\(record.side.name)\"") }
        } else {
            if record.fault != .missingPrice { fields.append("\"b\":\(Self.decimal(cents))") }
            if record.fault != .missingPrice { fields.append("\"a\":\(Self.decimal(record.cents + record.spread))") }
        }
        return "{" + fields.joined(separator: ",") + "}"
    }

    private static func decimal(_ cents: Int64) -> String {
        let fraction = String(cents % 100)
        return "\(cents / 100)." + (fraction.count == 1 ? "0" : "") + fraction
    }
}

/// Makes tapes from seeds.
struct TapeGenerator {
    private struct Stream {
        enum Numbering: CaseIterable {
            case contiguous
            case increasing
            case text
        }

        let name: String
        let numbering: Numbering
        var next: Int64
        var newest: Int64 = 0
        var skipped: [Int64] = []
        var sent: [TapeRecord] = []
    }

    /// Three seconds before an hour begins, so that windows change early on the tape.
    private static let start: Int64 = 1_723_078_800_000 - 3_000

    private var generator: SplitMix64
    private let lineCount: Int
    private var streams: [Stream] = []
    private var prices: [String: Int64] = [:]
    private var now = Self.start
    private var tape = SimulatedTape()
    private var hasLongIDs = false

    init(seed: UInt64, lineCount: Int) {
        generator = SplitMix64(seed: seed)
        self.lineCount = lineCount
    }

    mutating func make() -> SimulatedTape {
        tape.kind = chance(1, in: 3) ? .quote : .trade
        tape.lineEnd = chance(1, in: 4) ? "\r\n" : "\n"
        hasLongIDs = lineCount >= 20 && tape.kind == .trade && chance(1, in: 20)
        for number in 0..<(1 + generator.nextIndex(below: 3)) {
            let numberings = Stream.Numbering.allCases
            let numbering = hasLongIDs ? .text : numberings[generator.nextIndex(below: numberings.count)]
            let first = Int64(generator.nextIndex(below: 50))
            streams.append(Stream(name: "c\(number)", numbering: numbering, next: first))
        }
        for _ in 0..<lineCount { tape.lines.append(nextLine()) }
        finish()
        return tape
    }

    private mutating func chance(_ part: Int, in whole: Int) -> Bool { generator.nextIndex(below: whole) < part }

    private mutating func finish() {
        if case .record(let last) = tape.lines.last, last.fault != .malformed { tape.endsOpen = chance(1, in: 3) }
        if !tape.endsOpen, chance(1, in: 6) { tape.tail = "{\"s\":\"A\",\"t\":17230" }
    }

    private mutating func nextLine() -> SimulatedTape.Line {
        if chance(1, in: 25) { return .blank }
        if chance(1, in: 30) { now += 3_600_000 }
        now += Int64(generator.nextIndex(below: 900))
        let index = generator.nextIndex(below: streams.count)
        if !streams[index].sent.isEmpty, chance(1, in: 8) {
            // A repeated message: the same in everything, mostly a late one.
            let recent = streams[index].sent.suffix(chance(1, in: 6) ? 40 : 6)
            return .record(recent[recent.startIndex + generator.nextIndex(below: recent.count)])
        }
        var record = makeRecord(stream: streams[index].name)
        var stream = streams[index]
        number(&record, &stream)
        if chance(1, in: 12) { record.fault = TapeRecord.Fault.allCases[generator.nextIndex(below: 4)] }
        // A record that was broken may be sent again as it should be.
        var sound = record
        sound.fault = nil
        if record.fault == nil || chance(1, in: 2) { stream.sent.append(sound) }
        streams[index] = stream
        return .record(record)
    }

    private mutating func makeRecord(stream: String) -> TapeRecord {
        let symbol = ["A", "B", "C:D"][generator.nextIndex(below: hasLongIDs ? 1 : 3)]
        var price = prices[symbol] ?? 10_000
        price += Int64(generator.nextIndex(below: 9)) - 4
        prices[symbol] = price
        let isOff = chance(1, in: 10) || (symbol == "B" && chance(1, in: 2))
        // Late events, some of them of the window before.
        let isLate = chance(1, in: 7)
        return TapeRecord(
            symbol: symbol,
            stream: stream,
            milliseconds: now - (isLate ? Int64(generator.nextIndex(below: 5_000)) : 0),
            receiptMilliseconds: chance(1, in: 2) ? now + 5 : nil,
            cents: isOff ? price + price / 10 + Int64(generator.nextIndex(below: 3)) - 1 : price,
            spread: Int64(generator.nextIndex(below: 4)) - 1,
            size: Int64(generator.nextIndex(below: 4)),
            side: [Side.unknown, .buy, .sell][generator.nextIndex(below: 3)]
        )
    }

    private mutating func number(_ record: inout TapeRecord, _ stream: inout Stream) {
        switch stream.numbering {
        case .contiguous:
            record.sequence = nextContiguous(&stream, &record)
            if tape.kind == .trade, chance(1, in: 2) { record.id = textID() }
        case .increasing:
            stream.next += 1 + Int64(generator.nextIndex(below: 3))
            // Now and then smaller than the one before, as when trades arrive newest first.
            record.id = String(chance(1, in: 6) ? stream.next - 2 : stream.next)
        case .text: record.id = chance(1, in: 5) ? nil : textID()
        }
        stream.newest = max(stream.newest, record.milliseconds)
    }

    private mutating func nextContiguous(_ stream: inout Stream, _ record: inout TapeRecord) -> Int64 {
        if !stream.skipped.isEmpty, chance(1, in: 4) {
            return stream.skipped.remove(at: generator.nextIndex(below: stream.skipped.count))
        }
        if chance(1, in: 30), stream.newest > 0 {
            // The numbering starts again, which the time gives away.
            record.milliseconds = max(now, stream.newest + 1)
            stream.next = Int64(generator.nextIndex(below: 20))
            stream.skipped = []
        } else if chance(1, in: 40) {
            // A number that lies before everything, or anywhere.
            return Int64(generator.nextIndex(below: 60))
        } else if chance(1, in: 9) {
            let count = Int64(1 + generator.nextIndex(below: 4))
            stream.skipped += stream.next..<(stream.next + count)
            stream.next += count
        }
        defer { stream.next += 1 }
        return stream.next
    }

    private mutating func textID() -> String {
        let text = "id-" + String(generator.next() % 0xFFFF, radix: 16)
        // So long that a few of them close a part of a bucket.
        return hasLongIDs && chance(1, in: 2) ? text + String(repeating: "x", count: 60_000) : text
    }
}
