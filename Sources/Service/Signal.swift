private import Synchronization

/// Something that happens again and again, and that one task at a time waits for.
///
/// Raising it twice before anybody waits counts once. Safe to use from any thread.
package final class Signal: Sendable {
    private let next = Mutex(Latch())

    package init() {}

    /// Says that it happened.
    package func raise() { next.withLock { $0 }.raise() }

    /// Waits until it happened, or the task is cancelled.
    package func wait() async {
        let latch = next.withLock { $0 }
        await latch.wait()
        next.withLock { if latch.isRaised { $0 = Latch() } }
    }
}
