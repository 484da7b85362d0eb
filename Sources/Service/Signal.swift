/// Something that happens again and again, and that one task at a time waits for.
///
/// Raising it twice before anybody waits counts once. Safe to use from any thread.
package final class Signal: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    package init() {
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Says that it happened.
    package func raise() { continuation.yield() }

    /// Waits until it happened, or the task is cancelled.
    package func wait() async {
        var iterator = stream.makeAsyncIterator()
        _ = await iterator.next(isolation: nil)
    }
}
