import Feeds
import Foundation
import MarketData
import Testing

/// A recording that is kept beside the package, not in it.
enum Recording {
    static var folder: URL {
        URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../../../shared/data/market").standardizedFileURL
    }

    /// The reason for a test without its recordings.
    static let absence: Comment = "recordings are not beside the package (../shared/data/market)"

    static var arePresent: Bool { FileManager.default.fileExists(atPath: folder.path) }

    /// The decompressed bytes of a recording.
    static func bytes(_ path: String) throws -> [UInt8] {
        let input = try TapeInput.open(path: folder.appending(path: path).path)
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = try chunk.withUnsafeMutableBytes { try input.source.read(into: $0) }
            if count == 0 { return bytes }
            bytes.append(contentsOf: chunk[..<count])
        }
    }
}

/// What a whole tape decoded to, with lines counted from the start of the tape and indexes resolved.
struct Decoded {
    struct Event: Hashable {
        let line: Int64
        let place: Int64
        let instrument: String
        let stream: String
        let text: String
    }

    struct Observation: Hashable {
        let line: Int64
        let stream: String
        let number: Int64?
    }

    var records = 0
    var lines: Int64 = 0
    var events: [Event] = []
    var raw: [MarketEvent] = []
    var observations: [Observation] = []
    var ignored: [String: Int] = [:]
    var rejected: [RejectedRecord] = []

    /// The number of events of a kind.
    func count(_ kind: EventKind) -> Int { raw.count { $0.payload.kind == kind } }

    var ignoredCount: Int { ignored.values.reduce(0, +) }

    mutating func add(_ batch: EventBatch) {
        records += batch.records
        for event in batch.events {
            events.append(
                Event(
                    line: lines + event.position.line,
                    place: event.position.rawValue & 0xFFFFF,
                    instrument: batch.instruments[Int(event.instrument)].description,
                    stream: batch.streams[Int(event.stream)],
                    text: Self.text(event, batch)
                )
            )
            raw.append(event)
        }
        for observation in batch.observations {
            observations.append(
                Observation(
                    line: lines + observation.position.line,
                    stream: batch.streams[Int(observation.stream)],
                    number: observation.number
                )
            )
        }
        ignored.merge(batch.ignored, uniquingKeysWith: +)
        rejected += batch.rejected
        lines += batch.lines
    }

    /// Everything else that an event says, in one line.
    static func text(_ event: MarketEvent, _ batch: EventBatch) -> String {
        var parts = ["\(event.eventTime.nanoseconds)"]
        parts.append(event.receiptTime.isAbsent ? "-" : "\(event.receiptTime.nanoseconds)")
        parts.append(event.sequence == MarketEvent.noSequence ? "-" : "\(event.sequence)")
        parts.append("\(event.sequenceRule)" + (event.sequenceRule == .none ? "" : ":\(event.orderNumber)"))
        parts.append(event.flags.setNames.joined(separator: "|"))
        switch event.payload {
        case .trade(let trade):
            let id =
                switch trade.id.form {
                case .absent: "-"
                case .number: "\(trade.id.value)"
                case .text: String(decoding: batch.texts[trade.id], as: UTF8.self)
                }
            parts += ["trade", id, trade.price.description, trade.size.description, trade.side.name]
        case .quote(let quote):
            parts += ["quote"] + [quote.bidPrice, quote.bidSize, quote.askPrice, quote.askSize].map(\.description)
        case .candle(let candle):
            let numbers = [candle.open, candle.high, candle.low, candle.close, candle.volume]
            parts += ["candle", "\(candle.interval)"] + numbers.map(\.description)
        }
        return parts.joined(separator: " ")
    }
}

/// Decodes a whole tape, slab by slab.
func decode(_ bytes: [UInt8], as format: any RecordFormat, slabBytes: Int = SlabReader.slabBytes) throws -> Decoded {
    let reader = SlabReader(MemorySource(bytes), format: format, slabBytes: slabBytes)
    let decoder = format.makeDecoder()
    var decoded = Decoded()
    while let slab = try reader.next() { decoded.add(decoder.decode(slab)) }
    return decoded
}

/// Decodes single messages as a live source would: without lines and without a file.
func decode(messages: [String], venue: String, connection: String = "conn.1", receipt: Int64 = 1_700_000_000) throws
    -> Decoded
{
    var dialect: any VenueDialect = try VenueRegistry.dialect(named: venue).init()
    let tokenizer = JSONTokenizer()
    var builder = BatchBuilder(venue: venue)
    builder.begin(byteCount: 0)
    let name = Array(connection.utf8)
    for message in messages {
        let bytes = Array(message.utf8)
        bytes.withUnsafeBytes { text in
            let padded = Slab(copying: text, offset: 0)
            builder.beginRecord(padded.bytes)
            name.withUnsafeBytes { connection in
                let frame = Frame(receiptTime: Timestamp(nanoseconds: receipt), connection: connection)
                dialect.decode(padded.bytes, frame: frame, with: tokenizer, into: &builder)
            }
            builder.endLine()
        }
    }
    var decoded = Decoded()
    let end = Slab(copying: UnsafeRawBufferPointer(start: nil, count: 0), offset: 0)
    decoded.add(builder.finish(end))
    return decoded
}
