import Feeds
import Foundation
import MarketData
import Testing

@testable import Live

/// A folder of a test, deleted with it.
final class TestFolder {
    let path: String

    init() {
        path = FileManager.default.temporaryDirectory.appending(path: "live-\(UUID().uuidString)").path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    var segments: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.filter { $0.hasSuffix(".tape") }.sorted()
    }

    func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: path + "/" + name)))
    }

    func write(_ bytes: [UInt8], to name: String) throws {
        try Data(bytes).write(to: URL(filePath: path + "/" + name))
    }
}

/// Runs what blocks on a thread of its own: those of tasks must not.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result(catching: body)) }
    }
}

@Suite(.timeLimit(.minutes(10))) struct LiveTapeTests {
    private let folder = TestFolder()

    private static func header(_ id: UInt64 = 7, source: String = "s") throws -> TapeHeader {
        try TapeHeader(venue: "BINANCE", source: source, dialect: "binance", id: id)
    }

    private func open(
        segmentBytes: Int64 = 1_000,
        bytesMax: Int64 = 1 << 20,
        start: TapeMark = TapeMark(),
        id: UInt64 = 7
    ) throws -> LiveTape {
        var limits = LiveTape.Limits(bytesMax: bytesMax)
        limits.segmentBytes = segmentBytes
        return try LiveTape(folder: folder.path, header: Self.header(id), limits: limits, start: start)
    }

    private static func trade(_ number: Int) -> String {
        #"{"e":"trade","E":1723161255000,"s":"BTCUSDT","t":\#(number),"p":"100.5","q":"2","#
            + #""T":1723161255000,"m":false}"#
    }

    private func append(_ numbers: Range<Int>, to tape: LiveTape) throws {
        for number in numbers {
            let payload = Array(Self.trade(number).utf8)
            let name = Array("ws.1".utf8)
            _ = try name.withUnsafeBytes { name in
                try payload.withUnsafeBytes { payload in
                    try tape.append(
                        .receive,
                        receiptTime: Timestamp(nanoseconds: Int64(number)),
                        connection: name,
                        payload: payload
                    )
                }
            }
        }
    }

    /// The identifiers and positions of the trades on a closed tape, from some place on.
    private static func read(
        _ tape: LiveTape,
        from mark: TapeMark? = nil
    ) throws -> [(id: Int64, position: TapePosition)] {
        let input = tape.input()
        let start = mark ?? tape.status.first
        try input.source.skip(to: start.offset)
        let format = try TapeFormat(input)
        let decoder = format.makeDecoder()
        let reader = SlabReader(input.source, format: format, offset: start.offset, slabBytes: 4_096)
        var line = start.line
        var found: [(Int64, TapePosition)] = []
        while let slab = try reader.next() {
            let batch = decoder.decode(slab)
            #expect(batch.rejected.isEmpty)
            for event in batch.events {
                guard case .trade(let trade) = event.payload else { continue }
                let place = TapePosition(line: line + event.position.line, event: 0)
                found.append((trade.id.value, place))
            }
            line += batch.lines
        }
        return found
    }

    @Test func whatIsAppendedIsReadBackOverManySegments() async throws {
        let tape = try open()
        try append(0..<100, to: tape)
        await tape.sync()
        tape.close()
        #expect(folder.segments.count > 10 && tape.status.durable == tape.status.end)
        let found = try Self.read(tape)
        #expect(found.map(\.id) == Array(0..<100))
        #expect(zip(found, found.dropFirst()).allSatisfy { $0.position < $1.position })
        // The segments, one behind the other, are one tape.
        let whole = try folder.segments.flatMap { try folder.bytes($0) }
        #expect(Int64(whole.count) == tape.status.end.offset)
    }

    @Test func itGoesOnWhereItEnded() async throws {
        var lines: [TapePosition] = []
        for part in 0..<5 {
            let tape = try open(id: UInt64(part))
            #expect(tape.header.id == 0 && tape.tornBytes == 0)
            try append((part * 10)..<((part + 1) * 10), to: tape)
            await tape.sync()
            tape.close()
            let found = try Self.read(tape)
            #expect(found.map(\.id) == Array(0..<Int64(part + 1) * 10))
            #expect(found.map(\.position).starts(with: lines))
            lines = found.map(\.position)
        }
    }

    @Test func aTornEndIsCutOffWhereverItIs() async throws {
        let tape = try open(segmentBytes: 400)
        try append(0..<4, to: tape)
        await tape.sync()
        tape.close()
        let names = folder.segments
        let last = try #require(names.last)
        let bytes = try folder.bytes(last)
        let before = try Self.read(tape).filter { $0.position.line < tape.status.end.line - 2 }.count
        for count in 0..<bytes.count {
            try folder.write(Array(bytes[..<count]), to: last)
            let torn = TestFolder()
            try FileManager.default.createDirectory(atPath: torn.path, withIntermediateDirectories: true)
            for name in names { try torn.write(try folder.bytes(name), to: name) }
            var limits = LiveTape.Limits(bytesMax: 1 << 20)
            limits.segmentBytes = 400
            let again = try LiveTape(folder: torn.path, header: Self.header(9), limits: limits)
            #expect(again.header.id == 7)
            try append(100..<102, to: again)
            await again.sync()
            again.close()
            let found = try Self.read(again).map(\.id)
            #expect(found.suffix(2) == [100, 101] && found.count >= before)
            #expect(found.dropLast(2).elementsEqual(Int64(0)..<Int64(found.count - 2)))
            let sizes = try torn.segments.map { try torn.bytes($0).count }
            #expect(Int64(sizes.reduce(0, +)) == again.status.end.offset, "cut at \(count)")
        }
    }

    @Test func whatIsConfirmedIsDeleted() async throws {
        let tape = try open()
        try append(0..<100, to: tape)
        await tape.sync()
        let middle = tape.status.end.offset / 2
        tape.trim(before: middle)
        await tape.untilTrimmed()
        let first = tape.status.first
        #expect(first.offset > 0 && first.offset <= middle)
        #expect(folder.segments.first == Segment(start: first).name)
        tape.close()
        let found = try Self.read(tape)
        #expect(found.last?.id == 99 && found.first.map { $0.id > 0 && $0.position.line > first.line } == true)
        #expect(throws: InputError.self) { try Self.read(tape, from: TapeMark()) }
        tape.trim(before: .max)
        await tape.untilTrimmed()
        #expect(folder.segments.count == 1)
    }

    @Test func aFullTapeTakesNoMoreUntilSomeIsDeleted() async throws {
        let tape = try open(bytesMax: 5_000)
        let error = #expect(throws: LiveTapeError.self) { try append(0..<100, to: tape) }
        #expect(error?.code == .full)
        await tape.sync()
        let held = tape.status
        #expect(held.byteCount <= 5_000 && held.byteCount > 4_500)
        tape.trim(before: held.durable.offset)
        await tape.untilTrimmed()
        try append(100..<110, to: tape)
        await tape.sync()
        tape.close()
        #expect(try Self.read(tape).suffix(10).map(\.id) == Array(100..<110))
    }

    @Test func aSmallTapeHasRoomAgainWhenItIsConfirmed() async throws {
        let header = try Self.header()
        let tape = try LiveTape(folder: folder.path, header: header, limits: LiveTape.Limits(bytesMax: 1_000_000))
        var number = 0
        // More than it may have at any time.
        for _ in 0..<40 {
            let next = number..<(number + 500)
            try append(next, to: tape)
            number = next.upperBound
            await tape.sync()
            tape.trim(before: tape.status.durable.offset)
            await tape.untilTrimmed()
        }
        #expect(tape.status.end.offset > 1_500_000 && tape.status.byteCount < 1_000_000)
    }

    @Test func twoDoNotWriteOneTape() throws {
        let tape = try open()
        let error = #expect(throws: LiveTapeError.self) { try open() }
        #expect(error?.code == .inUse)
        withExtendedLifetime(tape) {}
    }

    @Test func aMissingSegmentIsNamed() async throws {
        do {
            let tape = try open()
            try append(0..<40, to: tape)
            await tape.sync()
            tape.close()
        }
        try FileManager.default.removeItem(atPath: folder.path + "/" + folder.segments[2])
        let error = #expect(throws: LiveTapeError.self) { try open() }
        #expect(error?.code == .damaged && error?.message.contains(folder.segments[1]) == true)
    }

    @Test func aFolderBelongsToOneSource() async throws {
        do { _ = try open() }
        let header = try Self.header(1, source: "other")
        let error = #expect(throws: LiveTapeError.self) {
            try LiveTape(folder: folder.path, header: header, limits: LiveTape.Limits(bytesMax: 1 << 20))
        }
        #expect(error?.code == .damaged)
    }

    @Test func aNewTapeMayBeginBehindAnOldOne() async throws {
        let start = TapeMark(line: 1 << 30, offset: 1 << 40)
        let tape = try open(start: start)
        try append(0..<20, to: tape)
        await tape.sync()
        tape.close()
        #expect(tape.status.first == start)
        #expect(try Self.read(tape).first?.position == TapePosition(line: (1 << 30) + 1, event: 0))
    }

    @Test func aReaderWaitsForWhatComes() async throws {
        let tape = try open()
        try append(0..<1, to: tape)
        async let found = onThread { try Self.read(tape).map(\.id) }
        for number in 1..<50 {
            try append(number..<(number + 1), to: tape)
            if number % 10 == 0 { await tape.sync() }
        }
        await tape.sync()
        tape.close()
        #expect(try await found == Array(0..<50))
    }

    @Test func aTooLongFrameIsRefusedAndNothingElse() async throws {
        let tape = try open(segmentBytes: 1 << 30, bytesMax: 1 << 40)
        let huge = [UInt8](repeating: 32, count: (16 << 20) + 1)
        try append(0..<1, to: tape)
        await tape.sync()
        let error = #expect(throws: LiveTapeError.self) {
            try huge.withUnsafeBytes { bytes in
                try tape.append(
                    .receive,
                    receiptTime: Timestamp(nanoseconds: 1),
                    connection: UnsafeRawBufferPointer(start: nil, count: 0),
                    payload: bytes
                )
            }
        }
        #expect(error?.code == .tooLong)
        try append(1..<2, to: tape)
        await tape.sync()
        tape.close()
        #expect(try Self.read(tape).map(\.id) == [0, 1])
    }
}
