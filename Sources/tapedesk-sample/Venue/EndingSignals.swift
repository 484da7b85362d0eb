import Dispatch
import Glibc

/// Calls a closure when the process is asked to end; asked again a second later, it ends at once.
final class EndingSignals {
    private let sources: [any DispatchSourceSignal]

    /// Some programs that end others send the signal twice.
    private static let patience: UInt64 = 1_000_000_000

    init(_ stop: @escaping @Sendable () -> Void) {
        let asked = Asked()
        let queue = DispatchQueue(label: "tapedesk-sample.signals")
        sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                let now = DispatchTime.now().uptimeNanoseconds
                if let before = asked.time, now - before > Self.patience { _exit(1) }
                if asked.time == nil { asked.time = now }
                stop()
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
