package import Feeds

/// Hands events from the reading side to the writing side, in stretches as large as the writer is slow.
///
/// The reader adds batches; the writer takes everything that waits whenever it is free. While a commit is under way
/// the next stretch collects, up to a bound; then the reader waits. One reader and one writer.
package actor EpochCollector {
    /// How much is collected, in the measure of `Sequencer.pendingWork`: events, mostly.
    package struct Limits: Sendable {
        /// The writer is not given less than this before the end of the tape: larger commits cost less per event.
        package var workMin: Int
        /// The reader waits when this much waits for the writer.
        package var workMax: Int

        package init(workMin: Int, workMax: Int) {
            precondition(workMin <= workMax, "the writer would wait for more than the reader may collect")
            self.workMin = workMin
            self.workMax = workMax
        }
    }

    private var sequencer: Sequencer
    private let limits: Limits
    private var isFinished = false
    private var isComplete = false
    private var hasHandedOutLast = false
    private var isClosed = false
    private var isNudged = false
    private var reader: CheckedContinuation<Void, Never>?
    private var writer: CheckedContinuation<Void, Never>?

    package init(sequencer: Sequencer, limits: Limits) {
        self.sequencer = sequencer
        self.limits = limits
    }

    /// The state behind everything that was added.
    package var state: Sequencer { sequencer }

    /// Adds a batch, waiting while too much waits already.
    ///
    /// - Throws: `CancellationError` where the collector was closed.
    package func add(_ batch: EventBatch, decoder: Int) async throws {
        while sequencer.pendingWork >= limits.workMax, !isClosed {
            await withCheckedContinuation { reader = $0 }
        }
        guard !isClosed else { throw CancellationError() }
        sequencer.apply(batch, decoder: decoder)
        if isReady { wakeWriter() }
    }

    /// Says that nothing more comes: what waits is the last stretch.
    ///
    /// `isComplete` tells whether it ends the tape.
    package func finish(isComplete: Bool) {
        isFinished = true
        self.isComplete = isComplete
        wakeWriter()
    }

    /// Lets the writer have what waits at once, little as it is, or nothing: it has something to do itself.
    package func nudge() {
        isNudged = true
        wakeWriter()
    }

    /// Takes what waits, waiting for it where there is too little; nil when everything was taken.
    ///
    /// - Throws: `CancellationError` where the collector was closed.
    package func take() async throws -> (epoch: Epoch, isLast: Bool, completesTape: Bool)? {
        while !isReady, !isClosed {
            await withCheckedContinuation { writer = $0 }
        }
        guard !isClosed else { throw CancellationError() }
        guard !hasHandedOutLast else { return nil }
        hasHandedOutLast = isFinished
        isNudged = false
        let epoch = sequencer.cut()
        reader?.resume()
        reader = nil
        return (epoch, isFinished, isFinished && isComplete)
    }

    /// Ends all waiting, after a failure of either side.
    package func close() {
        isClosed = true
        wakeWriter()
        reader?.resume()
        reader = nil
    }

    private var isReady: Bool {
        isFinished || isNudged || sequencer.pendingWork >= limits.workMin
    }

    private func wakeWriter() {
        writer?.resume()
        writer = nil
    }
}
