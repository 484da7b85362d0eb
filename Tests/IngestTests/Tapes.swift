import Feeds
import Ingest
import MarketData
import TickStore

/// A tape in memory that gives its bytes a few at a time.
final class MemorySource: ByteSource {
    private let bytes: [UInt8]
    private let stepMax: Int
    private var offset = 0

    init(_ bytes: [UInt8], stepMax: Int = .max) {
        self.bytes = bytes
        self.stepMax = stepMax
    }

    func read(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
        let part = bytes[offset...].prefix(min(target.count, stepMax))
        target.copyBytes(from: part)
        offset += part.count
        return part.count
    }

    func skip(to offset: Int64) throws(InputError) {
        self.offset = Int(offset)
    }
}

/// Tapes of trades as lines of JSON, and what becomes of them.
enum Tapes {
    /// An hour on the clock, in milliseconds.
    static let hour: Int64 = 1_723_078_800_000

    static func format() throws -> NDJSONFormat {
        let map = "symbol=s,stream=c,time=t,sequence=n,id=i,price=p,size=q"
        return NDJSONFormat(mapping: try FieldMapping(parsing: map), venue: "SIM")
    }

    /// A trade; `time` in milliseconds after the hour.
    static func trade(
        _ symbol: String = "A",
        stream: String? = nil,
        time: Int64,
        sequence: Int64? = nil,
        id: String? = nil,
        price: String = "100"
    ) -> String {
        var fields = ["\"s\":\"\(symbol)\"", "\"t\":\(hour + time)", "\"p\":\(price)", "\"q\":1"]
        if let stream { fields.append("\"c\":\"\(stream)\"") }
        if let sequence { fields.append("\"n\":\(sequence)") }
        if let id { fields.append("\"i\":\"\(id)\"") }
        return "{" + fields.joined(separator: ",") + "}"
    }

    static func slabs(_ text: String, slabBytes: Int = SlabReader.slabBytes) throws -> [Slab] {
        let reader = SlabReader(MemorySource(Array(text.utf8)), format: try format(), slabBytes: slabBytes)
        var slabs: [Slab] = []
        while let slab = try reader.next() { slabs.append(slab) }
        return slabs
    }

    /// The epoch that a sequencer makes of lines, in one piece.
    static func epoch(
        _ lines: [String],
        only: Set<String>? = nil,
        rules: OrderRules = OrderRules()
    ) throws -> Epoch {
        var sequencer = Sequencer(source: "test", only: only, rules: rules)
        let decoder = try format().makeDecoder()
        for slab in try slabs(lines.joined(separator: "\n") + "\n") {
            sequencer.apply(decoder.decode(slab), decoder: 0)
        }
        return sequencer.cut()
    }
}

extension Epoch {
    /// Everything that the epoch holds as text, which is easy to compare.
    var summary: [String] {
        var lines: [String] = []
        for bucket in buckets {
            for event in bucket.events {
                guard case .trade(let trade) = event.payload else { continue }
                var id = "\(trade.id.value)"
                if trade.id.form == .text { id = String(decoding: bucket.texts[trade.id], as: UTF8.self) }
                lines.append(
                    "\(bucket.key.instrument) \(bucket.key.windowStart) \(event.position.rawValue) "
                        + "\(event.eventTime.nanoseconds) \(trade.price) \(id) \(event.flags.setNames)"
                )
            }
        }
        lines += rejected.map { "rejected \($0.position.rawValue) \($0.rule)" }
        return lines
    }

    /// The names of the flags of each event, in the order of the tape.
    var flags: [[String]] {
        buckets.flatMap(\.events).sorted { $0.position < $1.position }.map(\.flags.setNames)
    }

    /// The line of each event, in the order of the tape.
    var lines: [Int64] { buckets.flatMap(\.events).map(\.position.line).sorted() }
}
