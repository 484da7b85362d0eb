private import Dispatch
package import Feeds
package import Ingest
import Live
package import MarketData
private import Synchronization

/// Decodes what the connections of a source receive a second time, at once, for those who watch it.
///
/// The way into MongoDB goes over the tape, with its waits for the disk, and may be behind by hours after an outage.
/// This one has no waits: messages are decoded, validated and put in order on a thread of its own, right after they
/// were received. What it makes of them is looked at and forgotten. Safe to use from any thread.
package final class AlertTap: FeedWatcher {
    private let encoder: TapeEncoder
    private let queue: DispatchQueue
    private let state = Mutex(State())
    private let decoding: Mutex<Decoding>
    private let onEvents: @Sendable (Epoch) -> Void

    private struct State {
        var bytes: [UInt8] = []
        var isScheduled = false
        var skipped = 0
    }

    private struct Decoding {
        let decoder: any RecordDecoder
        var sequencer: Sequencer
        /// Gaps of the venue's own numbers are found behind its first message only: the tap has no past.
        var offset: Int64 = 0
    }

    /// What waits to be decoded; when it is more, messages are left out, and counted.
    private static let bytesMax = 8 << 20

    /// - Parameter onEvents: takes what was decoded; called on the tap's thread.
    /// - Throws: `TapeError` where nothing decodes the messages.
    package init(
        _ header: TapeHeader,
        source: String,
        venue: String,
        onEvents: @escaping @Sendable (Epoch) -> Void
    ) throws(TapeError) {
        encoder = TapeEncoder(header)
        queue = DispatchQueue(label: "tapedesk.alerts.\(source)", qos: .userInteractive)
        let format = try TapeFormat(header, venue: venue)
        decoding = Mutex(Decoding(decoder: format.makeDecoder(), sequencer: Sequencer(source: source)))
        self.onEvents = onEvents
    }

    /// How many messages were left out because decoding fell behind.
    package var skipped: Int { state.withLock { $0.skipped } }

    package func received(
        _ kind: TapeFrameKind,
        at time: Timestamp,
        connection: UnsafeRawBufferPointer,
        payload: UnsafeRawBufferPointer
    ) {
        let begins = state.withLock { state in
            guard state.bytes.count < Self.bytesMax else {
                state.skipped += 1
                return false
            }
            // What is too long for a tape is not on the tape either.
            do throws(TapeError) {
                try encoder.append(
                    kind,
                    receiptTime: time,
                    connection: connection,
                    payload: payload,
                    to: &state.bytes
                )
            } catch {
                return false
            }
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if begins { queue.async { self.drain() } }
    }

    private func drain() {
        while let bytes = takeBytes() {
            let epoch = decoding.withLock { decoding in
                let slab = bytes.withUnsafeBytes { Slab(copying: $0, offset: decoding.offset) }
                decoding.offset += Int64(bytes.count)
                decoding.sequencer.apply(decoding.decoder.decode(slab), decoder: 0)
                return decoding.sequencer.cut(withState: false)
            }
            onEvents(epoch)
        }
    }

    private func takeBytes() -> [UInt8]? {
        state.withLock { state in
            guard !state.bytes.isEmpty else {
                state.isScheduled = false
                return nil
            }
            defer {
                state.bytes = []
                state.bytes.reserveCapacity(16_384)
            }
            return state.bytes
        }
    }
}
