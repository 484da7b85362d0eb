public import Feeds
public import MarketData
import WebClient

/// Asks a venue again and again, and records what is new in its answers.
public struct Poller: Sendable {
    /// What polling needs of the world.
    public struct Environment: Sendable {
        public let client: RestClient
        /// The time of day.
        public let now: @Sendable () -> Timestamp
        /// Monotonic time.
        public let uptime: @Sendable () -> Duration
        /// A chance from 0 up to, and not including, 1.
        public let chance: @Sendable () -> Double
        /// Waits; throws where the task is cancelled.
        public let sleep: @Sendable (Duration) async throws -> Void

        public init(
            client: RestClient,
            now: @escaping @Sendable () -> Timestamp,
            uptime: @escaping @Sendable () -> Duration,
            chance: @escaping @Sendable () -> Double,
            sleep: @escaping @Sendable (Duration) async throws -> Void
        ) {
            self.client = client
            self.now = now
            self.uptime = uptime
            self.chance = chance
            self.sleep = sleep
        }
    }

    private let plan: PollPlan
    private let dialect: any VenueDialect.Type
    private let recorder: FeedRecorder
    private let environment: Environment

    /// More than the items of any answer.
    private static let itemsMax = 20_000
    /// More than a day of polls, mostly.
    private static let lookBackBytes = 8 << 20
    /// - Parameter dialect: what decodes the answers.
    public init(
        _ plan: PollPlan,
        dialect: any VenueDialect.Type,
        recorder: FeedRecorder,
        environment: Environment
    ) {
        self.plan = plan
        self.dialect = dialect
        self.recorder = recorder
        self.environment = environment
    }

    /// Polls until the task is cancelled.
    public func run() async {
        var memory = rememberTheTape()
        var cache = ConditionalCache(urlsMax: 1)
        var cursor: String?
        var isOpen = false
        var delay = ReconnectDelay(first: .seconds(1), longest: .seconds(60))
        var due = environment.uptime()
        defer { if isOpen { recorder.ended(ConnectionEnd(reason: "polling ended", wasOpen: true, wasGood: true)) } }
        while !Task.isCancelled {
            do {
                let trouble = try await pollOnce(&memory, &cache, &cursor)
                if let trouble {
                    let end = ConnectionEnd(reason: "\(plan.name): \(trouble)", wasOpen: isOpen, wasGood: false)
                    recorder.ended(end)
                    isOpen = false
                    try await environment.sleep(delay.next(environment.chance()))
                } else {
                    if !isOpen { recorder.opened() }
                    isOpen = true
                    delay.reset()
                    // One that comes late, such as behind an outage, is followed by a whole interval.
                    due += plan.interval
                    if due < environment.uptime() { due = environment.uptime() + plan.interval }
                    try await environment.sleep(due - environment.uptime())
                }
            } catch {
                return
            }
        }
    }

    /// What earlier runs recorded of the answers, as far as it is at the end of the tape: that is no news.
    private func rememberTheTape() -> AnswerMemory {
        var memory = AnswerMemory(itemsMax: Self.itemsMax)
        let name = Array(plan.name.utf8)
        recorder.tape.lastBytes(max: Self.lookBackBytes).withUnsafeBytes { bytes in
            TapeFrames.forEach(in: bytes) { kind, time, connection, payload in
                guard kind == .answer, connection.elementsEqual(name),
                    let end = payload.firstIndex(of: UInt8(ascii: "\n"))
                else { return }
                // The target ends where the places begin that were news then: all of the answer is known by now.
                let target = String(decoding: payload[..<end].prefix { $0 != UInt8(ascii: "#") }, as: UTF8.self)
                let body = Array(payload[(end + 1)...])
                guard let items = try? AnswerItems(dialect, target: target, body: body, receiptTime: time) else {
                    return
                }
                memory.remember(items)
            }
        }
        return memory
    }

    /// Asks once; answers what went wrong.
    ///
    /// - Throws: `CancellationError`.
    private func pollOnce(
        _ memory: inout AnswerMemory,
        _ cache: inout ConditionalCache,
        _ cursor: inout String?
    ) async throws -> String? {
        let target = plan.target(adding: cursor)
        switch try await environment.client.get(plan.url(target), cache: cache) {
        case .failed(let reason): return reason
        case .unchanged: return nil
        case .answer(let response, let request):
            let body = response.body
            let items: AnswerItems
            do throws(TapeError) {
                items = try AnswerItems(dialect, target: target, body: body, receiptTime: environment.now())
            } catch {
                return "\(error)"
            }
            try await record(items, target, body, &memory)
            cache.learn(from: response, to: request)
            move(&cursor, items, body)
            // What is neither events nor a refusal was recorded, where people find it.
            let hasEvents = items.items.contains { $0.item.kind != nil }
            return hasEvents ? nil : items.rejected.first ?? refusal(items)
        }
    }

    private func refusal(_ items: AnswerItems) -> String? {
        items.ignored["error"] != nil || items.ignored["note"] != nil ? "the venue refused" : nil
    }

    private func record(
        _ items: AnswerItems,
        _ target: String,
        _ body: [UInt8],
        _ memory: inout AnswerMemory
    ) async throws {
        let news = memory.news(in: items)
        if case .nothing = news { return }
        let payload = try AnswerPayload.bytes(target: target, news: news, body: body)
        try await environment.record(payload, as: plan.name, on: recorder)
        memory.remember(items)
    }

    private func move(_ cursor: inout String?, _ items: AnswerItems, _ body: [UInt8]) {
        switch plan.cursor {
        case .newest: break
        case .krakenSince:
            if let last = KrakenDialect.last(ofTrades: body) { cursor = "since=\(last)" }
        case .binanceFromID:
            if let number = items.items.compactMap(\.item.number).max() { cursor = "fromId=\(number + 1)" }
        }
    }
}

extension Poller.Environment {
    /// A full tape is tried again so much later.
    private static let retryDelay: Duration = .milliseconds(100)

    /// Records an answer, as soon as the tape takes it.
    ///
    /// - Throws: `CancellationError`.
    func record(_ payload: [UInt8], as connection: String, on recorder: FeedRecorder) async throws {
        while !payload.withUnsafeBytes({ recorder.record(.answer, connection, $0) }) {
            try await sleep(Self.retryDelay)
        }
    }
}
