import NIOCore

/// The clients of a venue, and what each is subscribed to.
///
/// Lives on the event loop.
final class Audience {
    private(set) var sessions: [VenueSession] = []
    /// By the number of a stream.
    private var subscribers: [Int]
    /// Called when the last client has gone.
    var whenEmpty: (() -> Void)?
    /// Called when a client subscribes to a stream.
    var whenSubscribed: (() -> Void)?
    /// Clients that did not read what they were sent.
    private(set) var slowClients = 0

    init(streams: Int) {
        subscribers = Array(repeating: 0, count: streams)
    }

    /// Whether any client wants a stream.
    @inline(__always)
    func wants(_ stream: Int) -> Bool { subscribers[stream] > 0 }

    /// Puts a frame before all clients that are subscribed to a stream; it leaves with ``flush()``.
    func send(_ frame: ByteBuffer, of stream: Int) {
        for session in sessions where session.isSubscribed[stream] { session.append(frame) }
    }

    /// Sends what is waiting, in one write per client.
    func flush() {
        // A client that is cut leaves the list.
        for session in sessions { session.flush() }
    }

    /// Pings all clients, and cuts those that have not answered for long.
    func ping() {
        for session in sessions { session.ping() }
    }

    /// Cuts all connections, as a failing network does.
    func cut() {
        for session in sessions { session.cut() }
    }

    /// Says goodbye to all clients; ``whenEmpty`` tells when they have gone.
    func close() {
        for session in sessions { session.close() }
    }

    // MARK: Sessions

    func join(_ session: VenueSession) {
        sessions.append(session)
    }

    func leave(_ session: VenueSession) {
        guard let place = sessions.firstIndex(where: { $0 === session }) else { return }
        sessions.remove(at: place)
        for (stream, isSubscribed) in session.isSubscribed.enumerated() where isSubscribed { subscribers[stream] -= 1 }
        if sessions.isEmpty { whenEmpty?() }
    }

    /// Notes that a client began, or ended, to be subscribed.
    func count(_ stream: Int, isSubscribed: Bool) {
        subscribers[stream] += isSubscribed ? 1 : -1
        if isSubscribed { whenSubscribed?() }
    }

    /// Notes that a client is cut because it does not read.
    func countSlowClient() { slowClients += 1 }
}
