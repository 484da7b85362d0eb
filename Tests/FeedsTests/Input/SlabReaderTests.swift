import MarketData
import Testing

@testable import Feeds

/// Counts lines; every line is a record that is ignored under its text's length.
struct CountingLines: LineDecoder {
    mutating func decode(line: UnsafeRawBufferPointer, into builder: inout BatchBuilder) {
        if line.first == UInt8(ascii: "?") {
            builder.reject(.malformed, "a question")
        } else {
            builder.ignore("line")
        }
    }
}

struct CountingFormat: LineFormat {
    let name = "counting"
    let onlyKind: EventKind? = nil
    func makeDecoder() -> any RecordDecoder { LineRecordDecoder(CountingLines(), venue: "V") }
}

/// A source of one long line, made as it is read.
final class LongLineSource: ByteSource {
    private var rest: Int
    private var tail: [UInt8]
    private var head: [UInt8]

    init(head: String, length: Int, tail: String) {
        rest = length
        self.head = Array(head.utf8)
        self.tail = Array(tail.utf8)
    }

    func read(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
        for text in [\LongLineSource.head, \LongLineSource.tail] {
            if text == \LongLineSource.tail, rest > 0 {
                let count = min(rest, target.count)
                target.baseAddress?.initializeMemory(as: UInt8.self, repeating: UInt8(ascii: "x"), count: count)
                rest -= count
                return count
            }
            let piece = self[keyPath: text].prefix(target.count)
            target.copyBytes(from: piece)
            self[keyPath: text].removeFirst(piece.count)
            if !piece.isEmpty { return piece.count }
        }
        return 0
    }

    func skip(to offset: Int64) throws(InputError) {}
}

/// A source whose reads give what is there at the moment.
private final class PipeLikeSource: IncrementalSource {
    private let pieces: PiecewiseSource

    init(_ bytes: [UInt8], sizes: [Int]) {
        pieces = PiecewiseSource(bytes, sizes: sizes)
    }

    func read(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int { try pieces.read(into: target) }

    func skip(to offset: Int64) throws(InputError) { try pieces.skip(to: offset) }
}

@Suite("Slab reader")
struct SlabReaderTests {
    private func slabs(_ reader: SlabReader) -> (slabs: [Slab], error: InputError?) {
        var slabs: [Slab] = []
        do throws(InputError) {
            while let slab = try reader.next() { slabs.append(slab) }
            return (slabs, nil)
        } catch {
            return (slabs, error)
        }
    }

    @Test("Records of all sizes around the size of a slab come out whole and in order")
    func sizes() {
        for length in 1...40 {
            for ending in ["", "\n", "\r\n"] {
                let line = String(repeating: "a", count: length) + "\n"
                let text = Array((String(repeating: line, count: 9) + "last" + ending).utf8)
                for pieces in [[Int.max], [1], [3, 16]] {
                    let source = PiecewiseSource(text, sizes: pieces)
                    let reader = SlabReader(source, format: CountingFormat(), slabBytes: 16)
                    let decoder = CountingFormat().makeDecoder()
                    let (slabs, error) = slabs(reader)
                    #expect(error == nil)
                    #expect(slabs.flatMap { Array($0.bytes) } == text)
                    var offset: Int64 = 0
                    var records = 0
                    for slab in slabs {
                        #expect(slab.offsets == offset..<(offset + Int64(slab.count)))
                        offset = slab.offsets.upperBound
                        let batch = decoder.decode(slab)
                        records += batch.records
                        #expect(batch.lines == Int64(batch.records))
                    }
                    #expect(records == 10)
                    #expect(slabs.last?.isOpen == ending.isEmpty)
                    #expect(slabs.dropLast().allSatisfy { !$0.isOpen })
                }
            }
        }
    }

    @Test("An open last line that is no record is the cut record, not a rejected one")
    func openLine() {
        let text = Array("one\n?two".utf8)
        let (slabs, _) = slabs(SlabReader(PiecewiseSource(text), format: CountingFormat(), slabBytes: 4))
        let decoder = CountingFormat().makeDecoder()
        let batches = slabs.map { decoder.decode($0) }
        #expect(batches.map(\.records) == [1, 0])
        #expect(batches.last?.truncatedRecord == Array("?two".utf8))
        #expect(batches.last?.rejected.isEmpty == true)
        #expect(batches.last?.lines == 0)
    }

    @Test("A line end that comes after an open line belongs to that line", arguments: [[1], [2], [100]])
    func lineEndAfterOpenLine(pieces: [Int]) {
        for (ending, rest) in [("\n", "two\n"), ("\r\n", "two\n"), ("", "more\n"), ("", ""), ("\n", "")] {
            let source = PiecewiseSource(Array((ending + rest).utf8), sizes: pieces)
            let reader = SlabReader(source, format: CountingFormat(), offset: 10, afterOpenLine: true)
            let (slabs, _) = slabs(reader)
            #expect(slabs.flatMap { Array($0.bytes) } == Array(rest.utf8))
            if let first = slabs.first { #expect(first.offsets.lowerBound == 10 + Int64(ending.utf8.count)) }
        }
        // Half a line end is left for the next run.
        let half = SlabReader(
            PiecewiseSource([UInt8(ascii: "\r")]),
            format: CountingFormat(),
            offset: 10,
            afterOpenLine: true
        )
        #expect(slabs(half).slabs.isEmpty)
    }

    @Test("A record of 100 MB is skipped within bounded memory, and what follows it is read")
    func hugeRecord() {
        let length = 100_000_000
        let source = LongLineSource(head: "first\n", length: length, tail: "\nlast\n")
        let (slabs, error) = slabs(SlabReader(source, format: CountingFormat()))
        #expect(error == nil)
        #expect(slabs.count == 3)
        let decoder = CountingFormat().makeDecoder()
        let batches = slabs.map { decoder.decode($0) }
        #expect(batches[1].rejected.map(\.rule) == [.recordTooLarge])
        #expect(batches[1].rejected.map(\.rawLength) == [length + 1])
        #expect(batches[1].offsets == 6..<Int64(length + 7))
        #expect(batches.map(\.lines) == [1, 1, 1])
        #expect(slabs.allSatisfy { $0.count <= RejectedRecord.rawBytesMax })
        #expect(slabs[2].offsets.upperBound == Int64(length + 12))
    }

    @Test("A record of 10 MB is read, and the slabs behind it are of the usual size again")
    func longRecord() {
        let line = "x\n"
        let tail = "\n" + String(repeating: line, count: 10_000_000)
        let source = LongLineSource(head: "first\n", length: 10_000_000, tail: tail)
        let (slabs, _) = slabs(SlabReader(source, format: CountingFormat()))
        #expect(slabs.map(\.count).max() ?? 0 <= 16 * 1024 * 1024)
        #expect(slabs.suffix(2).allSatisfy { $0.count <= SlabReader.slabBytes })
        #expect(slabs.map(\.count).reduce(0, +) == 6 + 10_000_000 + tail.utf8.count)
    }

    @Test("A line that a pipe gives in many small pieces is one record")
    func piecesOfALine() throws {
        let text = Array((String(repeating: "x", count: 5_000) + "\nlast\n").utf8)
        let source = PipeLikeSource(text, sizes: [7])
        let (slabs, error) = slabs(SlabReader(source, format: CountingFormat()))
        #expect(error == nil)
        #expect(slabs.flatMap { Array($0.bytes) } == text)
        let decoder = CountingFormat().makeDecoder()
        #expect(slabs.map { decoder.decode($0) }.flatMap(\.rejected).isEmpty)
    }

    @Test("What was read before a failure is handed out first", arguments: [[Int.max], [5]])
    func failure(pieces: [Int]) {
        let failure = InputError(.damaged, "broken")
        let source = PiecewiseSource(Array("one\ntwo\nthr".utf8), sizes: pieces, failure: failure)
        let (slabs, error) = slabs(SlabReader(source, format: CountingFormat()))
        #expect(slabs.flatMap { Array($0.bytes) } == Array("one\ntwo\n".utf8))
        #expect(error == failure)
    }
}
