import Console
import Dispatch
import Glibc
import Service

/// Raises a latch when the process is asked to end; asked again a second later, it ends at once.
///
/// Asked to read its configuration again (SIGHUP), it does what it is told to do then.
final class StopOnSignals {
    private let sources: [any DispatchSourceSignal]

    /// Some programs that end others send the signal twice.
    private static let patience: UInt64 = 1_000_000_000

    /// - Parameter onHangup: what to do upon SIGHUP. A terminal that goes away sends it too, which is no reason to end.
    init(_ stop: Latch, onHangup: @escaping @Sendable () -> Void = {}) {
        let asked = Asked()
        let queue = DispatchQueue(label: "tapedesk.signals")
        sources = [SIGTERM, SIGINT, SIGHUP].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                if number == SIGHUP { return onHangup() }
                let now = DispatchTime.now().uptimeNanoseconds
                if let before = asked.time, now - before > Self.patience { endProcess(ExitStatus.couldNotRun) }
                if asked.time == nil { asked.time = now }
                stop.raise()
            }
            source.resume()
            return source
        }
    }
}

/// When the process was asked to end first; touched on the queue of signals only.
private final class Asked: @unchecked Sendable {
    var time: UInt64?
}
