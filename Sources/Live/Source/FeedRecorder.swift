import Feeds
public import MarketData
private import Synchronization

/// What becomes of messages that a full tape does not take.
public enum FullTapePolicy: String, CaseIterable, Sendable {
    /// They wait, and so does the venue, which may cut the connection then.
    case block
    /// They are dropped, and how many becomes a gap.
    case drop
}

/// How a source's connections are doing.
public struct FeedCounts: Equatable, Sendable {
    public var messages = 0
    public var bytes = 0
    public var dropped = 0
    public var connects = 0
    public var disconnects = 0
    public var refusals = 0
    /// Connections that stand at the moment.
    public var open = 0
    /// When a message was received last.
    public var lastReceipt: Timestamp?
    /// What the venue said when it refused a subscription last.
    public var lastRefusal: String?
    /// Why a connection ended last.
    public var lastTrouble: String?

    /// Nothing happened yet.
    public init() {}
}

/// Puts what the connections of a source receive onto its tape, and counts it.
///
/// Safe to use from any thread; never blocks.
public final class FeedRecorder: Sendable {
    public let tape: LiveTape
    private let policy: FullTapePolicy
    private let now: @Sendable () -> Timestamp
    private let watcher: (any FeedWatcher)?
    private let state: Mutex<State>

    private struct State {
        var counts = FeedCounts()
        var lag = LagMeter()
        var connections: [String: Connection] = [:]
    }

    private struct Connection {
        /// Messages so far.
        var received = 0
        /// How many there had been when dropping began; nil where none are dropped.
        var droppingSince: Int?
    }

    /// - Parameters:
    ///   - now: the time of receipt.
    ///   - watcher: sees what is recorded, and what a full tape drops.
    public init(
        tape: LiveTape,
        policy: FullTapePolicy,
        now: @escaping @Sendable () -> Timestamp,
        watcher: (any FeedWatcher)? = nil
    ) {
        self.tape = tape
        self.policy = policy
        self.now = now
        self.watcher = watcher
        state = Mutex(State())
    }

    public var counts: FeedCounts { state.withLock { $0.counts } }

    /// How long messages take from their receipt until they are stored.
    public var lag: LagMeter { state.withLock { $0.lag } }

    /// Notes that everything up to an offset of the tape is stored.
    public func stored(through offset: Int64) {
        let time = now()
        state.withLock { $0.lag.stored(through: offset, at: time) }
    }

    /// Records a frame; answers false where it has to wait.
    func record(_ kind: TapeFrameKind, _ connection: String, _ payload: UnsafeRawBufferPointer) -> Bool {
        let time = now()
        guard record(kind, time, connection, payload) else { return false }
        if let watcher {
            var name = connection
            name.withUTF8 { name in
                watcher.received(kind, at: time, connection: UnsafeRawBufferPointer(name), payload: payload)
            }
        }
        return true
    }

    private func record(
        _ kind: TapeFrameKind,
        _ time: Timestamp,
        _ connection: String,
        _ payload: UnsafeRawBufferPointer
    ) -> Bool {
        state.withLock { state in
            var known = state.connections[connection] ?? Connection()
            defer { state.connections[connection] = known }
            let isMessage = kind == .receive || kind == .snapshot || kind == .answer
            guard let end = append(kind, time, connection, payload, &known) else {
                // Who asks over REST can wait: nothing comes in meanwhile.
                if policy == .block || kind == .answer { return false }
                if isMessage {
                    if known.droppingSince == nil { known.droppingSince = known.received }
                    known.received += 1
                    state.counts.dropped += 1
                }
                return true
            }
            if isMessage {
                known.received += 1
                state.counts.messages += 1
                state.counts.bytes += payload.count
                state.counts.lastReceipt = time
                state.lag.received(time, through: end)
            }
            return true
        }
    }

    /// Appends a frame, behind the word about those that were dropped before it, and answers where it ends; nil where
    /// the tape is full.
    private func append(
        _ kind: TapeFrameKind,
        _ time: Timestamp,
        _ connection: String,
        _ payload: UnsafeRawBufferPointer,
        _ known: inout Connection
    ) -> Int64? {
        var name = connection
        return name.withUTF8 { name in
            let name = UnsafeRawBufferPointer(name)
            if let since = known.droppingSince {
                var text = "\(since) \(known.received)"
                let isThere = text.withUTF8 {
                    append(.dropped, time, name, UnsafeRawBufferPointer($0)) != nil
                }
                guard isThere else { return nil }
                known.droppingSince = nil
            }
            return append(kind, time, name, payload)
        }
    }

    private func append(
        _ kind: TapeFrameKind,
        _ time: Timestamp,
        _ name: UnsafeRawBufferPointer,
        _ payload: UnsafeRawBufferPointer
    ) -> Int64? {
        do throws(LiveTapeError) {
            return try tape.append(kind, receiptTime: time, connection: name, payload: payload)
        } catch {
            return nil
        }
    }

    func opened() {
        state.withLock { state in
            state.counts.connects += 1
            state.counts.open += 1
        }
    }

    func refused(_ message: String) {
        state.withLock { state in
            state.counts.refusals += 1
            state.counts.lastRefusal = message
        }
    }

    func ended(_ end: ConnectionEnd) {
        state.withLock { state in
            if end.wasOpen {
                state.counts.disconnects += 1
                state.counts.open -= 1
            }
            state.counts.lastTrouble = end.reason
        }
    }
}

/// How a connection ended, or that it did not come to be.
struct ConnectionEnd: Equatable, Sendable {
    let reason: String
    /// Whether it stood.
    let wasOpen: Bool
    /// Whether it stood for some time and brought messages: the next failure is a first one.
    let wasGood: Bool
}
