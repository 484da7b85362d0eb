import ArgumentParser
import Feeds
import MarketData
import TickCodec

/// The mapping of the sample's fields.
let sampleMapping = "symbol=product_id,price=price,size=size,time=time,sequence=sequence,id=trade_id,side=side"

/// Reads up to `limit` lines of a sample as batches, or only their slabs.
struct SampleFile {
    let format: NDJSONFormat
    let slabs: [Slab]

    init(_ path: String, slabLimit: Int) throws {
        format = NDJSONFormat(mapping: try FieldMapping(parsing: sampleMapping), venue: "SAMPLE")
        let reader = SlabReader(try TapeInput.open(path: path).source, format: format)
        var slabs: [Slab] = []
        while slabs.count < slabLimit, let slab = try reader.next() { slabs.append(slab) }
        self.slabs = slabs
    }

    /// The events of each instrument, in order, as blocks are made of them.
    func lanes() -> [ContiguousArray<MarketEvent>] {
        let decoder = format.makeDecoder()
        var lanes: [Int32: ContiguousArray<MarketEvent>] = [:]
        var line: Int64 = 0
        for slab in slabs {
            let batch = decoder.decode(slab)
            for var event in batch.events {
                event.position.rawValue += TapePosition(line: line, event: 0).rawValue
                lanes[event.instrument, default: []].append(event)
            }
            line += batch.lines
        }
        return lanes.values.map { $0 }
    }
}

struct DecodeBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "decode", abstract: "Decode and validate only.")

    @Argument var file: String
    @Option(help: "Slabs of 1 MiB that are held in memory and decoded.") var slabs = 256

    func run() async throws {
        let sample = try SampleFile(file, slabLimit: slabs)
        let decoder = sample.format.makeDecoder()
        _ = sample.slabs.first.map(decoder.decode)
        let (time, events) = await seconds { sample.slabs.reduce(0) { $0 + decoder.decode($1).events.count } }
        printResult("decode", Double(events) / time, "events/s")
    }
}

struct EncodeBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "encode", abstract: "Encode and decode blocks only.")

    @Argument var file: String
    @Option(help: "Slabs of 1 MiB whose events are encoded.") var slabs = 64
    @Option(help: "Events in a block.") var block = 4_096

    func run() async throws {
        let lanes = try SampleFile(file, slabLimit: slabs).lanes()
        let events = lanes.reduce(0) { $0 + $1.count }
        let encoder = BlockEncoder()
        let (time, blocks) = await seconds { () -> [[UInt8]] in
            var blocks: [[UInt8]] = []
            for lane in lanes {
                lane.withUnsafeBufferPointer { all in
                    for start in stride(from: 0, to: all.count, by: block) {
                        let part = UnsafeBufferPointer(rebasing: all[start..<min(start + block, all.count)])
                        blocks += encoder.encode(part, kind: .trade, texts: TextPool()).map(\.bytes)
                    }
                }
            }
            return blocks
        }
        printResult("encode", Double(events) / time, "events/s")
        let bytes = blocks.reduce(0) { $0 + $1.count }
        printResult("encoded size", Double(bytes) / Double(events), "bytes/event")
        let decoder = BlockDecoder()
        let (readTime, decoded) = try await seconds {
            try blocks.reduce(0) { try $0 + decoder.decode($1).events.count }
        }
        printResult("decode blocks", Double(decoded) / readTime, "events/s")
    }
}
