import Console
import Glibc
import Synchronization

/// The signals by which somebody ends a command that would go on for ever, and which are no failure.
///
/// They end the process at once, or, where it is writing, when that is done: no line is cut.
enum EndingSignals {
    private static let isDeferred = Atomic(false)
    private static let hasCome = Atomic(false)

    /// Makes SIGINT and SIGTERM end the process with exit code 0.
    static func install() {
        // A signal handler must not be the first to touch what is made on first use.
        _ = isDeferred.load(ordering: .relaxed)
        _ = hasCome.load(ordering: .relaxed)
        for number in [SIGINT, SIGTERM] {
            signal(number) { _ in
                EndingSignals.hasCome.store(true, ordering: .sequentiallyConsistent)
                if !EndingSignals.isDeferred.load(ordering: .sequentiallyConsistent) { _exit(0) }
            }
        }
    }

    /// Does something that the signals do not cut short.
    static func whileDeferred(_ body: () -> Void) {
        isDeferred.store(true, ordering: .sequentiallyConsistent)
        body()
        isDeferred.store(false, ordering: .sequentiallyConsistent)
        if hasCome.load(ordering: .sequentiallyConsistent) { endProcess(ExitStatus.done) }
    }
}
