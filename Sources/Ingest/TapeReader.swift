private import Dispatch
package import Feeds

/// Reads slabs of a tape on a thread of its own, because reads of pipes and disks block.
package actor TapeReader {
    private let executor = QueueExecutor(label: "tapedesk.tape-reader")
    private let slabs: SlabReader

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    package init(_ slabs: sending SlabReader) {
        self.slabs = slabs
    }

    /// The next slab, or nil at the end.
    ///
    /// - Throws: `InputError`.
    package func next() throws(InputError) -> Slab? {
        try slabs.next()
    }

    /// Whether the end came because no more records were wanted.
    package var endedByLimit: Bool { slabs.endedByLimit }
}

/// A decoder with the thread of whoever calls it.
package actor DecodeWorker {
    private let decoder: any RecordDecoder

    package init(_ format: any RecordFormat) {
        decoder = format.makeDecoder()
    }

    package func decode(_ slab: Slab) -> EventBatch {
        decoder.decode(slab)
    }
}

/// Runs an actor on a dispatch queue, outside the pool of threads that must never block.
private final class QueueExecutor: SerialExecutor {
    private let queue: DispatchQueue

    init(label: String) {
        queue = DispatchQueue(label: label)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedSerialExecutor()
        queue.async { job.runSynchronously(on: executor) }
    }
}
