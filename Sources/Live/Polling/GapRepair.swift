import Feeds
private import Synchronization
import WebClient

/// A hole in the numbers of a stream, which its venue may be asked about.
public struct StreamGap: Hashable, Sendable {
    /// The connection and what it is about, joined by bars.
    public let stream: String
    /// The last number before the hole and the first behind it.
    public let after: Int64
    public let before: Int64

    public init(stream: String, after: Int64, before: Int64) {
        self.stream = stream
        self.after = after
        self.before = before
    }
}

/// Fetches over REST what a source missed, and records it as if it had come late.
///
/// What arrives closes the gap on its way through the same pipeline as everything else; what the venue does not give
/// leaves it open. Safe to use from any thread.
public final class GapRepair: Sendable {
    private let venue: LiveVenue
    private let server: String
    private let recorder: FeedRecorder
    private let environment: Poller.Environment
    private let gaps: AsyncStream<(gap: StreamGap, due: Duration)>
    private let continuation: AsyncStream<(gap: StreamGap, due: Duration)>.Continuation
    private let known = Mutex<Set<StreamGap>>([])

    /// Gaps that wait; further ones stay open.
    private static let gapsMax = 1_000
    private static let knownMax = 10_000
    /// Larger holes are not fetched: venues would take hours for them.
    private static let missingMax: Int64 = 200_000
    /// What is late by less comes by itself.
    private static let patience: Duration = .seconds(2)
    private static let attemptsMax = 5

    /// - Parameter server: where the venue answers, `https://host`.
    public init(venue: LiveVenue, server: String, recorder: FeedRecorder, environment: Poller.Environment) {
        self.venue = venue
        self.server = server
        self.recorder = recorder
        self.environment = environment
        (gaps, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.gapsMax))
    }

    /// Notes a gap; one that is known is not fetched again.
    public func add(_ gap: StreamGap) {
        // Numbers are what a venue says: the distance of two may not fit.
        let (distance, isTooLarge) = gap.before.subtractingReportingOverflow(gap.after)
        guard !isTooLarge, distance > 0, distance - 1 <= Self.missingMax else { return }
        let isNew = known.withLock { known in
            if known.count >= Self.knownMax { known = [] }
            return known.insert(gap).inserted
        }
        if isNew { continuation.yield((gap, environment.uptime() + Self.patience)) }
    }

    /// Fetches what is missing until the task is cancelled.
    public func run() async {
        for await (gap, due) in gaps {
            do {
                let pause = due - environment.uptime()
                if pause > .zero { try await environment.sleep(pause) }
                try await repair(gap)
            } catch {
                return
            }
        }
    }

    /// - Throws: `CancellationError`.
    private func repair(_ gap: StreamGap) async throws {
        guard let bar = gap.stream.firstIndex(of: "|") else { return }
        let connection = String(gap.stream[..<bar])
        let topic = String(gap.stream[gap.stream.index(after: bar)...])
        guard let dialect = try? VenueRegistry.dialect(named: venue.dialect) else { return }
        var after = gap.after
        var attempts = 0
        while after + 1 < gap.before, attempts < Self.attemptsMax {
            guard let target = venue.repairTarget(topic: topic, after: after, before: gap.before) else { return }
            switch try await environment.client.get(server + target) {
            case .failed, .unchanged:
                attempts += 1
                try await environment.sleep(Self.patience * (1 << attempts))
            case .answer(let response, _):
                let body = response.body
                let items = try? AnswerItems(dialect, target: target, body: body, receiptTime: environment.now())
                let numbers = items?.items.compactMap(\.item.number) ?? []
                guard let last = numbers.max(), last > after else { return }
                guard let payload = try? AnswerPayload.bytes(target: target, body: body) else { return }
                try await environment.record(payload, as: connection, on: recorder)
                after = last
            }
        }
    }
}
