import DocumentStore
import Feeds
import Foundation
import Live
import MarketData
import NIOPosix
import NIOSSL
import Service
import Synchronization
import TestSupport
import WebClient

/// A folder of a test, deleted with it.
final class ServiceFolder: Sendable {
    let path: String

    init() {
        path = FileManager.default.temporaryDirectory.appending(path: "service-\(UUID().uuidString)").path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The names of what is in it, or in a folder of it.
    func names(in folder: String = "") -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path + "/" + folder)) ?? []).sorted()
    }

    func write(_ bytes: [UInt8], to name: String) throws {
        try Data(bytes).write(to: URL(filePath: path + "/" + name))
    }

    func make() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
}

/// Waits for something that another task or thread brings about; the time limit of the suite ends it otherwise.
func until(_ isReached: () throws -> Bool) async throws {
    while !(try isReached()) { try await Task.sleep(for: .milliseconds(1)) }
}

/// Time that passes only by sleeping, at once; it remembers the pauses.
final class FakeTime: Sendable {
    private let state = Mutex((now: Duration.zero, pauses: [Duration]()))

    var now: Duration { state.withLock { $0.now } }
    var pauses: [Duration] { state.withLock { $0.pauses } }

    func advance(by duration: Duration) { state.withLock { $0.now += duration } }

    func sleep(_ duration: Duration) async throws {
        try Task.checkCancellation()
        state.withLock { state in
            state.now += max(.zero, duration)
            state.pauses.append(duration)
        }
        await Task.yield()
    }
}

/// Something that many threads add to.
final class Collected<Element: Sendable>: Sendable {
    private let state = Mutex([Element]())

    var all: [Element] { state.withLock { $0 } }
    var count: Int { state.withLock { $0.count } }

    func add(_ element: Element) { state.withLock { $0.append(element) } }
}

/// A gate that also holds up tasks that were cancelled.
final class Gate: Sendable {
    private let state = Mutex((isOpen: false, waiters: [CheckedContinuation<Void, Never>]()))

    func open() {
        let waiters = state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiters.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}

/// 2023-11-14 22:13:20.5 UTC.
let testTime = Timestamp(nanoseconds: 1_700_000_000_500_000_000)

/// Polling with time that passes by sleeping only.
struct RestBench {
    /// The clock of the poller.
    let time = FakeTime()
    /// The clock of the budgets of hosts.
    let budgetTime = FakeTime()
    let client: RestClient
    let environment: Poller.Environment

    init(_ client: WebClient, now: Timestamp = testTime) {
        let (time, budgetTime) = (time, budgetTime)
        self.client = RestClient(
            client: client,
            timeOfDay: { .nanoseconds(now.nanoseconds) + budgetTime.now },
            sleep: { try await budgetTime.sleep($0) }
        )
        environment = Poller.Environment(
            client: self.client,
            now: { now },
            uptime: { time.now },
            chance: { 0.5 },
            sleep: { try await time.sleep($0) }
        )
    }
}

extension ServiceEnvironment {
    /// An environment whose pauses are up to the test; connections are real ones on loopback.
    static func test(
        retry: RetryEnvironment = .onFakeTime(FakeTime()),
        polling: Poller.Environment? = nil,
        now: @escaping @Sendable () -> Timestamp = { testTime },
        log: @escaping @Sendable (String) -> Void = { _ in }
    ) throws -> ServiceEnvironment {
        ServiceEnvironment(
            retry: retry,
            connections: FeedConnection.Environment(
                group: MultiThreadedEventLoopGroup.singleton,
                tls: try NIOSSLContext(configuration: .makeClientConfiguration()),
                chance: { 0 },
                sleep: { try await Task.sleep(for: max($0, .milliseconds(1))) }
            ),
            polling: try polling ?? RestBench(WebClient()).environment,
            now: now,
            tapeID: { 7 },
            log: { log($0.text) }
        )
    }
}

extension RetryEnvironment {
    static func onFakeTime(_ time: FakeTime) -> RetryEnvironment {
        RetryEnvironment(now: { time.now }, sleep: { try await time.sleep($0) }, random: { 0.5 })
    }
}

extension LocalWebServer {
    /// A server that gives these answers, one after the other, and keeps silent then.
    convenience init(answering answers: [Response]) throws {
        let next = Atomic(0)
        try self.init { _ in
            let place = next.add(1, ordering: .relaxed).oldValue
            return place < answers.count ? answers[place] : .silence
        }
    }
}

/// A tape of a test, what it is recorded by, and what is on it.
struct TapeBench {
    let folder = ServiceFolder()
    let recorder: FeedRecorder

    init(
        dialect: String,
        bytesMax: Int64 = 1 << 30,
        segmentBytes: Int64 = 64 << 20,
        policy: FullTapePolicy = .block
    ) throws {
        let header = try TapeHeader(venue: "V", source: "s", dialect: dialect, id: 1)
        var limits = LiveTape.Limits(bytesMax: bytesMax)
        limits.segmentBytes = segmentBytes
        let tape = try LiveTape(folder: folder.path, header: header, limits: limits)
        recorder = FeedRecorder(tape: tape, policy: policy) { testTime }
    }

    /// Closes the tape when all of it is on the disk.
    func close() async {
        await recorder.tape.sync()
        recorder.tape.close()
    }

    /// The bytes on the disk.
    func bytes() throws -> [UInt8] {
        try folder.names().filter { $0.hasSuffix(".tape") }.flatMap { name in
            Array(try Data(contentsOf: URL(filePath: folder.path + "/" + name)))
        }
    }

    /// The frames on the disk, headers left out.
    func frames() throws -> [TapeFrame] {
        var frames: [TapeFrame] = []
        var rest = try bytes()[...]
        while rest.count >= 32 {
            let start = rest.startIndex
            let name = Int(rest[start + 6])
            let length = (8..<12).reduce(0) { $0 | Int(rest[start + $1]) << (8 * ($1 - 8)) }
            let body = rest[(start + 32)..<(start + 32 + name + length)]
            if let kind = TapeFrameKind(rawValue: rest[start + 5]) {
                frames.append(
                    TapeFrame(
                        kind: kind,
                        connection: String(decoding: body.prefix(name), as: UTF8.self),
                        payload: String(decoding: body.dropFirst(name), as: UTF8.self)
                    )
                )
            }
            rest = rest[(start + 32 + name + length)...]
        }
        return frames
    }

    /// What a replay of the closed tape would see, in order.
    func events() throws -> [ReadEvent] {
        let input = recorder.tape.input()
        let first = recorder.tape.status.first
        try input.source.skip(to: first.offset)
        let format = try TapeFormat(input)
        let decoder = format.makeDecoder()
        let reader = SlabReader(input.source, format: format, offset: first.offset)
        var events: [ReadEvent] = []
        while let slab = try reader.next() {
            let batch = decoder.decode(slab)
            events += batch.events.map {
                ReadEvent(event: $0, stream: batch.streams[Int($0.stream)], rejected: nil)
            }
            events += batch.rejected.map { ReadEvent(event: nil, stream: "", rejected: $0.reason) }
        }
        return events
    }
}

/// A frame as it lies on a tape.
struct TapeFrame: Equatable {
    let kind: TapeFrameKind
    let connection: String
    let payload: String

    /// What was asked for, of an answer.
    var target: String { String(payload.prefix { $0 != "\n" }) }
}

/// An event of a tape, or why there is none.
struct ReadEvent {
    let event: MarketEvent?
    let stream: String
    let rejected: String?

    /// The number of a trade.
    var trade: Int64? {
        guard case .trade(let trade) = event?.payload else { return nil }
        return trade.id.value
    }

    /// The close of a bar.
    var close: String? {
        guard case .candle(let bar) = event?.payload else { return nil }
        return bar.close.description
    }
}
