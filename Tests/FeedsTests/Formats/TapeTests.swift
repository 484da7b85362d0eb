import Foundation
import MarketData
import Testing

@testable import Feeds

@Suite("Tape")
struct TapeTests {
    private let header: TapeHeader

    init() throws {
        header = try TapeHeader(venue: "TESTVENUE", source: "test recorder", dialect: "binance")
    }

    /// The example of docs/tape-format.md, which was made by another program.
    private static let specified =
        "fa5444f5010000000f000000ee8783fd0000000000000000ee8783fdcde64df5"
        + "010056010073070062696e616e6365fa5444f50103040002000000ee8783fdcf"
        + "203f2408e6e9172625ee78409ba5b877732e317b7d"

    private static func message(_ id: Int) -> [UInt8] {
        let text =
            #"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255208,"T":1723161255207,"s":"BTCUSDT","#
            + #""t":\#(id),"p":"61750.01","q":"0.5","m":true}}"#
        return Array(text.utf8)
    }

    /// A tape of the header, an opened connection and trades.
    private func tape(_ count: Int) throws -> [UInt8] {
        let encoder = TapeEncoder(header)
        var bytes: [UInt8] = []
        encoder.appendHeader(to: &bytes)
        let time = Timestamp(nanoseconds: 1_723_161_255_300_000_000)
        try encoder.append(.connect, receiptTime: time, connection: "ws.1", payload: Array("wss://x".utf8), to: &bytes)
        try encoder.append(.send, receiptTime: time, connection: "ws.1", payload: [], to: &bytes)
        for id in 0..<count {
            try encoder.append(.receive, receiptTime: time, connection: "ws.1", payload: Self.message(id), to: &bytes)
        }
        return bytes
    }

    private struct Outcome: Equatable {
        var identifiers: [Int64] = []
        var lines: [Int64] = []
        var rejectedLines: [Int64] = []
        var reasons: [String] = []
        var ignored: [String: Int] = [:]
        var truncated: [UInt8]?
        var lineCount: Int64 = 0
        var instruments: [String] = []
    }

    private func replay(_ bytes: [UInt8], pieces: [Int] = [Int.max], slabBytes: Int = 1 << 20) throws -> Outcome {
        let format = try TapeFormat(header)
        let reader = SlabReader(PiecewiseSource(bytes, sizes: pieces), format: format, slabBytes: slabBytes)
        var outcome = Outcome()
        while let slab = try reader.next() {
            // A new decoder each time: slabs say nothing about one another.
            let batch = format.makeDecoder().decode(slab)
            for event in batch.events {
                if case .trade(let trade) = event.payload { outcome.identifiers.append(trade.id.value) }
                outcome.lines.append(outcome.lineCount + event.position.line)
                outcome.instruments = batch.instruments.map(\.description)
            }
            outcome.rejectedLines += batch.rejected.map { outcome.lineCount + $0.position.line }
            outcome.reasons += batch.rejected.map(\.reason)
            outcome.ignored.merge(batch.ignored, uniquingKeysWith: +)
            outcome.truncated = batch.truncatedRecord ?? outcome.truncated
            outcome.lineCount += batch.lines
        }
        return outcome
    }

    @Test("What was written is read, whatever the sizes of reads and slabs")
    func roundTrip() throws {
        let bytes = try tape(50)
        #expect(try TapeHeader(head: bytes) == header)
        for pieces in [[Int.max], [1], [100, 7]] {
            for slabBytes in [64, 300, 1 << 20] {
                let outcome = try replay(bytes, pieces: pieces, slabBytes: slabBytes)
                #expect(outcome.identifiers == (0..<50).map { Int64($0) })
                #expect(outcome.lines == (3..<53).map { Int64($0) })
                #expect(outcome.ignored == ["connect": 1, "send": 1])
                #expect(outcome.rejectedLines.isEmpty && outcome.truncated == nil)
                #expect(outcome.instruments == ["TESTVENUE:BTCUSDT"])
                #expect(outcome.lineCount == 53)
            }
        }
    }

    @Test("The bytes are those of the specification")
    func exactBytes() throws {
        let encoder = TapeEncoder(try TapeHeader(venue: "V", source: "s", dialect: "binance"))
        var bytes: [UInt8] = []
        encoder.appendHeader(to: &bytes)
        try encoder.append(
            .receive,
            receiptTime: Timestamp(nanoseconds: 1_723_161_255_088_169_167),
            connection: "ws.1",
            payload: Array("{}".utf8),
            to: &bytes
        )
        let text = bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        #expect(text == Self.specified)
    }

    @Test("A tape that was cut anywhere gives every whole record, and the cut one as such")
    func tornTail() throws {
        let bytes = try tape(4)
        let record = try tape(5).count - bytes.count
        for cut in 0...(2 * record) {
            let outcome = try replay(Array(bytes.dropLast(cut)))
            #expect(outcome.identifiers.count == 4 - (cut + record - 1) / record)
            #expect((outcome.truncated == nil) == (cut % record == 0))
            #expect(outcome.rejectedLines.isEmpty)
        }
    }

    @Test("A damaged record is rejected alone, and the next one is found")
    func resynchronises() throws {
        let bytes = try tape(5)
        let record = try tape(6).count - bytes.count
        let start = bytes.count - 3 * record
        for index in 0..<record {
            var damaged = bytes
            damaged[start + index] ^= 0x40
            let whole = try replay(damaged)
            #expect(whole.identifiers == [0, 1, 3, 4])
            #expect(whole.lines == [3, 4, 6, 7])
            #expect(whole.rejectedLines == [5])
            #expect(whole.reasons.allSatisfy { $0.contains("\(record) bytes") })
            #expect(try replay(damaged, pieces: [37], slabBytes: 80) == whole)
        }
    }

    @Test("Bytes that were put in are skipped as one line, wherever slabs end")
    func foreignBytes() throws {
        let bytes = try tape(3)
        let record = try tape(4).count - bytes.count
        let garbage = [UInt8](repeating: 0, count: 5_000) + [0xFA, 0x54, 0x44, 0xF5] + sampleBytes(3_000)
        let mixed = Array(bytes.dropLast(record)) + garbage + bytes.suffix(record)
        for slabBytes in [64, 1_000, 1 << 20] {
            let outcome = try replay(mixed, slabBytes: slabBytes)
            #expect(outcome.identifiers == [0, 1, 2])
            #expect(outcome.rejectedLines == [5])
            #expect(outcome.reasons.first?.contains("\(garbage.count) bytes") == true)
        }
    }

    @Test("More foreign bytes than a record may have are skipped within bounded memory")
    func manyForeignBytes() throws {
        let bytes = try tape(2)
        let record = try tape(3).count - bytes.count
        let garbage = [UInt8](repeating: 0xFA, count: SlabReader.recordBytesMax + 12_345)
        let outcome = try replay(Array(bytes.dropLast(record)) + garbage + bytes.suffix(record))
        #expect(outcome.identifiers == [0, 1])
        #expect(outcome.rejectedLines == [4])
        #expect(outcome.lines == [3, 5])
    }

    @Test("Random changes never crash, and sound records on either side survive")
    func mutations() throws {
        let bytes = try tape(12)
        var random = SystemRandomNumberGenerator()
        for _ in 0..<400 {
            var mutated = bytes
            let start = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: mutated[start] = UInt8.random(in: 0...255, using: &random)
            case 1: mutated.removeSubrange(start..<min(bytes.count, start + Int.random(in: 1...300, using: &random)))
            default: mutated.insert(contentsOf: bytes.prefix(Int.random(in: 1...200, using: &random)), at: start)
            }
            let whole = try replay(mutated)
            #expect(try replay(mutated, pieces: [101], slabBytes: 128) == whole)
            #expect(whole.identifiers.count >= 8)
            #expect(whole.identifiers.allSatisfy { (0..<12).contains($0) })
        }
    }

    @Test("Records of another tape, and a second header")
    func otherTape() throws {
        let other = TapeEncoder(try TapeHeader(venue: "OTHER", source: "s", dialect: "binance"))
        var bytes = try tape(1)
        bytes += try tape(1)
        let time = Timestamp(nanoseconds: 1)
        try other.append(.receive, receiptTime: time, connection: "c", payload: Self.message(9), to: &bytes)
        let outcome = try replay(bytes)
        #expect(outcome.identifiers == [0, 0])
        #expect(outcome.reasons.count == 1)
        #expect(outcome.reasons.first?.contains("another tape") == true)
    }

    @Test("Headers that are none")
    func headers() throws {
        let bytes = try tape(0)
        #expect(throws: TapeError.noTape) { try TapeHeader(head: []) }
        #expect(throws: TapeError.noTape) { try TapeHeader(head: Array("{\"t\":1}".utf8)) }
        #expect(throws: TapeError.headerCutOff) { try TapeHeader(head: Array(bytes.prefix(40))) }
        var damaged = bytes
        damaged[40] ^= 1
        #expect(throws: TapeError.headerDamaged) { try TapeHeader(head: damaged) }
        damaged = bytes
        damaged[9] ^= 1
        #expect(throws: TapeError.headerDamaged) { try TapeHeader(head: damaged) }
        damaged[4] = 2
        #expect(throws: TapeError.unknownVersion(2)) { try TapeHeader(head: damaged) }
        let unknown = try TapeHeader(venue: "V", source: "s", dialect: "nobody")
        #expect(throws: TapeError.unknownDialect("nobody")) { try TapeFormat(unknown) }
        #expect(throws: TapeError.self) {
            try TapeHeader(venue: String(repeating: "v", count: 70_000), source: "", dialect: "")
        }
        #expect(try FormatDetection.detect(head: bytes, name: "x").format == .tape)
    }

    @Test("Names and messages that are too long are refused")
    func limits() throws {
        let encoder = TapeEncoder(header)
        var bytes: [UInt8] = []
        let long = [UInt8](repeating: 32, count: TapeEncoder.payloadBytesMax + 1)
        #expect(throws: TapeError.payloadTooLong(long.count)) {
            try encoder.append(.http, receiptTime: .absent, connection: "c", payload: long, to: &bytes)
        }
        #expect(throws: TapeError.nameTooLong(256)) {
            let name = String(repeating: "n", count: 256)
            try encoder.append(.http, receiptTime: .absent, connection: name, payload: [], to: &bytes)
        }
        #expect(bytes.isEmpty)
        encoder.appendHeader(to: &bytes)
        try encoder.append(.http, receiptTime: .absent, connection: "c", payload: Array(long.dropLast()), to: &bytes)
        #expect(try replay(bytes).ignored == ["http": 1])
    }

    @Test("The writer appends, goes on, and cuts off a torn record")
    func writer() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/live.tape"
        let time = Timestamp(nanoseconds: 1_723_161_255_300_000_000)
        for id in 0..<3 {
            let writer = try TapeWriter(path: path, header: header)
            #expect(writer.tornBytes == (id == 0 ? 0 : 10))
            try writer.append(.receive, receiptTime: time, connection: "c", payload: Self.message(id))
            try writer.sync()
            let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
            #expect(size.map { Int64($0) } == writer.byteCount)
            let file = try #require(FileHandle(forWritingAtPath: path))
            try file.seekToEnd()
            try file.write(contentsOf: Data(repeating: 0xFA, count: 10))
        }
        let input = try TapeInput.open(path: path)
        let format = try TapeFormat(input)
        let reader = SlabReader(input.source, format: format)
        let whole = try #require(try reader.next())
        #expect(format.makeDecoder().decode(whole).events.count == 3)
        #expect(try reader.next()?.content.isTruncated == true)
        let other = try TapeHeader(venue: "OTHER", source: "s", dialect: "binance")
        #expect(throws: InputError.self) { try TapeWriter(path: path, header: other) }
        let text = try folder.write(Array("text".utf8), "text")
        #expect(throws: InputError.self) { try TapeWriter(path: text, header: header) }
        #expect(throws: InputError.self) { try TapeWriter(path: folder.path + "/no/such", header: header) }
    }
}

extension Slab.Content {
    fileprivate var isTruncated: Bool { if case .truncatedRecord = self { true } else { false } }
}
