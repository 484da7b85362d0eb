import DocumentStore
import Feeds
import MarketData

/// Holds batches back so that they come with the spacing of the recording, or a multiple of its speed.
struct Pacer {
    private let speed: Double
    private let environment: RetryEnvironment
    /// The first recorded time, and when it was played.
    private var start: (recorded: Int64, played: Duration)?

    init(speed: Double, environment: RetryEnvironment) {
        self.speed = speed
        self.environment = environment
    }

    /// Waits until the batch is due by its first event's receipt time, or event time where there is none.
    ///
    /// - Throws: `CancellationError`.
    mutating func wait(for batch: EventBatch) async throws {
        guard let event = batch.events.first else { return }
        let recorded = (event.receiptTime.isAbsent ? event.eventTime : event.receiptTime).nanoseconds
        guard let start else {
            start = (recorded, environment.now())
            return
        }
        let due = start.played + Duration.nanoseconds(recorded &- start.recorded) / speed
        let rest = due - environment.now()
        if rest > .zero { try await environment.sleep(rest) }
    }
}
