import Console
import Feeds
import Ingest
import Synchronization

/// One line on a terminal that tells how far a replay is.
///
/// Safe to use from any task.
final class ProgressMeter: Sendable {
    private let name: String
    private let totalBytes: Int64?
    private let progress: InputProgress
    private let start = ContinuousClock.now
    private let lastShown = Mutex(ContinuousClock.now)

    init(name: String, totalBytes: Int64?, progress: InputProgress) {
        self.name = name
        self.totalBytes = totalBytes
        self.progress = progress
    }

    func show(_ state: ReplayProgress) {
        let now = ContinuousClock.now
        let isDue = lastShown.withLock { last in
            guard now - last >= .milliseconds(100) else { return false }
            last = now
            return true
        }
        guard isDue else { return }
        let seconds = (now - start) / .seconds(1)
        let share = totalBytes.map { " \(Int(100 * Double(progress.compressedOffset) / Double(max($0, 1)))) %" } ?? ""
        let rate = seconds > 0 ? Int(Double(state.stored) / seconds).grouped : "0"
        Terminal.progress(
            "\(name):\(share)  \(state.records.grouped) records, \(state.stored.grouped) stored, \(rate)/s"
        )
    }

    /// Takes the line away.
    func clear() {
        Terminal.progress("")
    }
}
