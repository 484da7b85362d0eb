import Feeds
private import Synchronization
public import WebClient

/// Asks venues over REST, within the limits of each host.
///
/// Safe to use from any task.
public final class RestClient: Sendable {
    private let client: WebClient
    private let timeOfDay: @Sendable () -> Duration
    private let sleep: @Sendable (Duration) async throws -> Void
    private let state: Mutex<State>

    private struct State {
        var budgets: HostBudgets
    }

    private static let deadline: Duration = .seconds(20)
    /// With its target, an answer has to fit into a frame of the tape.
    private static let bodyBytesMax = TapeEncoder.payloadBytesMax - AnswerTarget.bytesMax - 1

    /// - Parameters:
    ///   - timeOfDay: since 1970 in UTC.
    ///   - sleep: waits; throws where the task is cancelled.
    public init(
        client: WebClient,
        timeOfDay: @escaping @Sendable () -> Duration,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.client = client
        self.timeOfDay = timeOfDay
        self.sleep = sleep
        // One request a second, or a handful at once: less than any venue allows.
        var budgets = HostBudgets(usual: RequestBudget(capacity: 5, refill: 1))
        // Alpha Vantage: 25 requests a day without a subscription.
        budgets.set(
            RequestBudget(capacity: 5, refill: 5, per: .seconds(60), quotaPerDay: 25),
            for: "www.alphavantage.co"
        )
        state = Mutex(State(budgets: budgets))
    }

    /// What became of a request.
    public enum Outcome: Sendable {
        /// With the request, as caches want to know it.
        case answer(WebResponse, to: WebRequest)
        /// Nothing has changed since the last answer.
        case unchanged
        /// Not now: for the reason.
        case failed(String)
    }

    /// Sends a request as soon as its host's budget allows.
    ///
    /// - Parameter cache: what was used of the URL so far; nil to get it in full.
    /// - Throws: `CancellationError`.
    public func get(_ url: String, cache: ConditionalCache? = nil) async throws -> Outcome {
        var request = WebRequest(url, deadline: Self.deadline, bodyBytesMax: Self.bodyBytesMax)
        // What is no URL has no host; sending it says so.
        let host = request.host ?? ""
        while let pause = state.withLock({ $0.budgets.take(for: host, at: timeOfDay()) }) {
            try await sleep(pause)
        }
        if var cache { cache.apply(to: &request) }
        let response: WebResponse
        do throws(WebError) {
            response = try await client.send(request)
        } catch {
            try Task.checkCancellation()
            return .failed("\(error)")
        }
        if let text = response.headers["Retry-After"], let pause = RetryAfter.wait(text, at: timeOfDay()) {
            state.withLock { $0.budgets.obey(pause, for: host, at: timeOfDay()) }
        }
        if response.isNotModified { return .unchanged }
        guard response.isSuccess else { return .failed("\(host) answered with status \(response.status)") }
        return .answer(response, to: request)
    }
}
