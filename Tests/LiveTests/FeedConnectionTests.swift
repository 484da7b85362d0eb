import Feeds
import Foundation
import MarketData
import NIOCore
import NIOPosix
import NIOSSL
import NIOWebSocket
import Synchronization
import TestSupport
import Testing

@testable import Live

/// A record of a tape as it lies on the disk.
struct RawRecord: Equatable {
    let kind: TapeFrameKind?
    let connection: String
    let payload: String

    /// The records of a tape's segments, headers left out.
    static func all(in folder: TestFolder) throws -> [RawRecord] {
        var records: [RawRecord] = []
        let bytes = try folder.segments.flatMap { try folder.bytes($0) }
        var rest = bytes[...]
        while rest.count >= 32 {
            let start = rest.startIndex
            let name = Int(rest[start + 6])
            let length = (8..<12).reduce(0) { $0 | Int(rest[start + $1]) << (8 * ($1 - 8)) }
            let body = rest[(start + 32)..<(start + 32 + name + length)]
            if rest[start + 5] != 0 {
                records.append(
                    RawRecord(
                        kind: TapeFrameKind(rawValue: rest[start + 5]),
                        connection: String(decoding: body.prefix(name), as: UTF8.self),
                        payload: String(decoding: body.dropFirst(name), as: UTF8.self)
                    )
                )
            }
            rest = rest[(start + 32 + name + length)...]
        }
        return records
    }
}

@Suite(.timeLimit(.minutes(10))) struct FeedConnectionTests {
    private let folder = TestFolder()

    private func recorder(
        bytesMax: Int64 = 1 << 30,
        policy: FullTapePolicy = .block
    ) throws -> FeedRecorder {
        let header = try TapeHeader(venue: "V", source: "s", dialect: "binance", id: 1)
        var limits = LiveTape.Limits(bytesMax: bytesMax)
        limits.segmentBytes = 2_000
        let tape = try LiveTape(folder: folder.path, header: header, limits: limits)
        let time = Atomic<Int64>(0)
        return FeedRecorder(tape: tape, policy: policy) {
            Timestamp(nanoseconds: time.add(1, ordering: .relaxed).newValue)
        }
    }

    private func plan(_ venue: LocalVenue, messages: [String] = ["subscribe"]) throws -> ConnectionPlan {
        let address = try #require(WebSocketAddress(parsing: "ws://127.0.0.1:\(venue.port)/stream"))
        var plan = ConnectionPlan(name: "ws.1", address: address, messages: messages)
        plan.messageInterval = .milliseconds(1)
        return plan
    }

    private static func environment() throws -> FeedConnection.Environment {
        FeedConnection.Environment(
            group: MultiThreadedEventLoopGroup.singleton,
            tls: try NIOSSLContext(configuration: .makeClientConfiguration()),
            chance: { 0 },
            sleep: { try await Task.sleep(for: max($0, .milliseconds(1))) }
        )
    }

    /// Runs a connection until something holds, and closes the tape behind it.
    private func run(
        _ plan: ConnectionPlan,
        _ recorder: FeedRecorder,
        until isOver: @Sendable (FeedCounts) -> Bool
    ) async throws {
        let connection = FeedConnection(plan, recorder: recorder, environment: try Self.environment())
        let task = Task { await connection.run() }
        while !isOver(recorder.counts) { try await Task.sleep(for: .milliseconds(2)) }
        task.cancel()
        await task.value
        await recorder.tape.sync()
        recorder.tape.close()
    }

    private func received() throws -> [String] {
        try RawRecord.all(in: folder).filter { $0.kind == .receive }.map(\.payload)
    }

    @Test func whatComesIsRecordedBehindWhatWasSent() async throws {
        let venue = try await LocalVenue { _, conversation in
            // A venue may greet before it is spoken to.
            try await conversation.send("hello")
            let first = try await conversation.receive()
            let second = try await conversation.receive()
            try await conversation.send((0..<500).map { "message \($0) \(first ?? "") \(second ?? "")" })
            while try await conversation.next() != nil {}
        }
        let recorder = try recorder()
        let plan = try plan(venue, messages: ["one", "two"])
        try await run(plan, recorder) { $0.messages == 501 }
        let records = try RawRecord.all(in: folder)
        #expect(records.first == RawRecord(kind: .connect, connection: "ws.1", payload: plan.address.description))
        #expect(records.filter { $0.kind == .send }.map(\.payload) == ["one", "two"])
        #expect(try received() == ["hello"] + (0..<500).map { "message \($0) one two" })
        #expect(recorder.counts.connects == 1 && recorder.counts.open == 0)
    }

    @Test func aCutConnectionIsMadeAnew() async throws {
        let venue = try await LocalVenue { number, conversation in
            _ = try await conversation.receive()
            try await conversation.send("of connection \(number)")
            if number == 3 { while try await conversation.next() != nil {} }
        }
        let recorder = try recorder()
        try await run(plan(venue), recorder) { $0.messages == 3 }
        #expect(try received() == (1...3).map { "of connection \($0)" })
        #expect(recorder.counts.connects == 3 && recorder.counts.disconnects == 3)
    }

    @Test func aSilentConnectionIsDead() async throws {
        let venue = try await LocalVenue { number, conversation in
            _ = try await conversation.receive()
            if number > 1 { try await conversation.send("alive") }
            while try await conversation.next() != nil {}
        }
        let recorder = try recorder()
        var plan = try plan(venue)
        plan.silence = .milliseconds(50)
        try await run(plan, recorder) { $0.messages > 0 }
        #expect(recorder.counts.connects >= 2)
        #expect(recorder.counts.lastTrouble != nil)
    }

    @Test func keepAlivesAreSentAndPingsAnswered() async throws {
        let venue = try await LocalVenue { _, conversation in
            _ = try await conversation.receive()
            try await conversation.send(.ping, [1, 2, 3])
            var texts = 0
            var pong: [UInt8]?
            while texts < 3 || pong == nil, let frame = try await conversation.next() {
                if frame.opcode == .text { texts += 1 }
                if frame.opcode == .pong { pong = Array(frame.unmaskedData.readableBytesView) }
            }
            try await conversation.send(texts >= 3 ? "\(pong ?? [])" : "too few")
            while try await conversation.next() != nil {}
        }
        let recorder = try recorder()
        var plan = try plan(venue)
        plan.keepAlive = ConnectionPlan.KeepAlive("ping", every: .milliseconds(5))
        try await run(plan, recorder) { $0.messages == 1 }
        #expect(try received() == ["[1, 2, 3]"])
    }

    @Test func largeAndFragmentedMessagesAreWhole() async throws {
        let large = String(repeating: "x", count: 3 << 20)
        let venue = try await LocalVenue { _, conversation in
            _ = try await conversation.receive()
            try await conversation.send(large)
            try await conversation.sendFragments(["frag", "", "men", "ted"])
            while try await conversation.next() != nil {}
        }
        let recorder = try recorder()
        try await run(plan(venue), recorder) { $0.messages == 2 }
        #expect(try received() == [large, "fragmented"])
    }

    @Test func brokenFramesEndTheConnectionAndNothingElse() async throws {
        let venue = try await LocalVenue { number, conversation in
            _ = try await conversation.receive()
            if number == 1 {
                // A control frame that is too long, which no protocol allows.
                try await conversation.send(.ping, [UInt8](repeating: 0, count: 4_000))
            } else {
                try await conversation.send("sound")
            }
            while try await conversation.next() != nil {}
        }
        let recorder = try recorder()
        try await run(plan(venue), recorder) { $0.messages == 1 }
        #expect(recorder.counts.connects == 2)
    }

    @Test func aServerThatDoesNotSpeakTLSIsNamed() async throws {
        let venue = try await LocalVenue { _, _ in }
        let recorder = try recorder()
        var plan = try plan(venue)
        plan.address = WebSocketAddress(host: "127.0.0.1", port: venue.port)
        try await run(plan, recorder) { $0.lastTrouble != nil }
        #expect(recorder.counts.connects == 0 && recorder.counts.lastTrouble?.contains("wss://127.0.0.1") == true)
    }

    @Test func refusalsAreRecordedAndTold() async throws {
        let venue = try await LocalVenue { _, conversation in
            _ = try await conversation.receive()
            try await conversation.send(#"{"success":false,"ret_msg":"no such topic"}"#, "data")
            while try await conversation.next() != nil {}
        }
        let recorder = try recorder()
        var plan = try plan(venue)
        plan.refusalMarks = ["\"success\":false"]
        try await run(plan, recorder) { $0.messages == 2 }
        #expect(recorder.counts.refusals == 1 && recorder.counts.lastRefusal?.contains("no such topic") == true)
        #expect(try received().count == 2)
    }

    @Test func whatAVenueRepeatsOfThePastIsMarked() async throws {
        let venue = try await LocalVenue { _, conversation in
            _ = try await conversation.receive()
            try await conversation.send(
                #"[1,[["1"]],"trade","XBT/USD"]"#,
                #"[2,[["1"]],"trade","ETH/USD"]"#,
                #"[1,["1"],"spread","XBT/USD"]"#,
                #"[1,[["2"]],"trade","XBT/USD"]"#
            )
            while try await conversation.next() != nil {}
        }
        let recorder = try recorder()
        let address = try #require(WebSocketAddress(parsing: "ws://127.0.0.1:\(venue.port)"))
        let plans = LiveVenue.kraken.connections(symbols: ["XBT/USD"], kinds: [.trade], server: address)
        try await run(try #require(plans.first), recorder) { $0.messages == 4 }
        let kinds = try RawRecord.all(in: folder).map(\.kind).filter { $0 == .snapshot || $0 == .receive }
        #expect(kinds == [.snapshot, .snapshot, .receive, .receive])
    }

    @Test func aFullTapeLetsTheVenueWaitAndLosesNothing() async throws {
        let venue = try await LocalVenue { _, conversation in
            _ = try await conversation.receive()
            for start in stride(from: 0, to: 2_000, by: 10) {
                try await conversation.send((start..<(start + 10)).map { "message number \($0)" })
            }
            while try await conversation.next() != nil {}
        }
        let recorder = try recorder(bytesMax: 20_000)
        let tape = recorder.tape
        async let bytes = onThread {
            let input = tape.input()
            let format = try TapeFormat(input)
            let slabs = SlabReader(input.source, format: format, slabBytes: 4_096)
            var bytes: [UInt8] = []
            while let slab = try slabs.next() {
                bytes += slab.bytes
                // Only now there is room for more.
                tape.trim(before: slab.offsets.upperBound)
            }
            return bytes
        }
        try await run(plan(venue), recorder) { $0.messages == 2_000 }
        let text = String(decoding: try await bytes, as: UTF8.self)
        let numbers = text.components(separatedBy: "message number ").dropFirst().map { part in
            Int(part.prefix { $0.isASCII && $0.isNumber }) ?? -1
        }
        #expect(numbers == Array(0..<2_000))
        #expect(recorder.counts.dropped == 0 && recorder.counts.connects == 1)
    }

    @Test func whatAFullTapeDropsIsCountedOnIt() async throws {
        let isTrimmed = Atomic(false)
        let venue = try await LocalVenue { _, conversation in
            _ = try await conversation.receive()
            try await conversation.send((0..<1_000).map { "before \($0)" })
            while !isTrimmed.load(ordering: .acquiring) { try await Task.sleep(for: .milliseconds(1)) }
            try await conversation.send("behind")
            while try await conversation.next() != nil {}
        }
        let recorder = try recorder(bytesMax: 20_000, policy: .drop)
        let connection = FeedConnection(try plan(venue), recorder: recorder, environment: try Self.environment())
        let task = Task { await connection.run() }
        while recorder.counts.messages + recorder.counts.dropped < 1_000 {
            try await Task.sleep(for: .milliseconds(2))
        }
        let recorded = recorder.counts.messages
        await recorder.tape.sync()
        recorder.tape.trim(before: recorder.tape.status.durable.offset)
        await recorder.tape.untilTrimmed()
        isTrimmed.store(true, ordering: .releasing)
        while recorder.counts.messages == recorded { try await Task.sleep(for: .milliseconds(2)) }
        task.cancel()
        await task.value
        await recorder.tape.sync()
        let records = try RawRecord.all(in: folder)
        #expect(recorded < 1_000 && recorder.counts.dropped == 1_000 - recorded)
        #expect(records.first { $0.kind == .dropped }?.payload == "\(recorded) 1000")
        #expect(records.last { $0.kind == .receive }?.payload == "behind")
    }
}
