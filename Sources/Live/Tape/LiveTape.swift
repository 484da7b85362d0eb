private import Dispatch
public import Feeds
public import MarketData
private import Synchronization

/// The tape of a live source: a row of segment files, written at the end, read from anywhere, deleted at the front.
///
/// What is appended is on the disk a few milliseconds later, in groups. Readers get nothing before that: what they make
/// of it can therefore never be ahead of the tape, whatever the machine loses. Where the disk fails, what was appended
/// stays in memory and is tried again; appending ends when that, or the tape, is as large as it may be.
///
/// Safe to use from any thread.
public final class LiveTape: Sendable {
    /// How large the tape may be, and how late.
    public struct Limits: Equatable, Sendable {
        /// The most bytes that the tape may have on the disk.
        public var bytesMax: Int64
        /// A segment ends behind so many bytes; only whole ones are deleted.
        public var segmentBytes: Int64
        /// What was appended is written after so much time at the latest, if the disk is fast enough.
        public var syncDelay: Duration = .milliseconds(5)
        /// It is written at once when it is so many bytes.
        public var syncBytes = 1 << 20
        /// The most bytes that wait for the disk in memory.
        public var pendingMax = 8 << 20

        /// Segments of 64 MB, smaller where the tape is small: what is confirmed must not fill it.
        public init(bytesMax: Int64) {
            self.bytesMax = bytesMax
            segmentBytes = min(64 << 20, max(4_096, bytesMax / 8))
        }
    }

    /// How full the tape is, and how far.
    public struct Status: Equatable, Sendable {
        /// Where the oldest byte is that is still there.
        public var first = TapeMark()
        /// Up to where it is on the disk.
        public var durable = TapeMark()
        /// Up to where it was appended.
        public var end = TapeMark()
        /// Why the disk does not take it; nil where it does.
        public var trouble: LiveTapeError?

        public var byteCount: Int64 { end.offset - first.offset }
    }

    /// What the tape is about; its identifier is that of the tape as it was found.
    public let header: TapeHeader
    /// How many bytes of a torn last record were cut off when the tape was opened.
    public let tornBytes: Int64
    private let limits: Limits
    private let encoder: TapeEncoder
    private let disk: Disk
    private let state: Mutex<State>
    private let grown = DispatchSemaphore(value: 0)

    /// Bytes for one segment.
    private struct Chunk {
        /// The segment that begins with them; nil for the one that is open.
        let begins: Segment?
        var bytes: [UInt8] = []
        var end: TapeMark
    }

    private struct State {
        var status: Status
        /// The segments that hold something, also what is not written yet.
        var segments: [Segment]
        /// What waits for the disk, in order.
        var pending: [Chunk] = []
        var pendingBytes = 0
        var isScheduled = false
        var isUrgent = false
        var isClosed = false
        /// Who waits until little waits for the disk, or nothing.
        var waiters: [Waiter] = []
    }

    private struct Waiter {
        let bytesMax: Int
        let continuation: CheckedContinuation<Void, Never>
    }

    /// The files, used on one queue.
    private final class Disk: @unchecked Sendable {
        let queue = DispatchQueue(label: "tapedesk.live-tape", qos: .userInitiated)
        let folder: SegmentFolder

        init(_ folder: SegmentFolder) {
            self.folder = folder
        }
    }

    /// Opens the tape in a folder, or begins one there.
    ///
    /// Blocks while the last segment is read. A torn last record is cut off.
    ///
    /// - Parameters:
    ///   - header: what the tape is about; its identifier is for a tape that is begun.
    ///   - start: where a tape that is begun begins.
    /// - Throws: `LiveTapeError`.
    public init(
        folder path: String,
        header: TapeHeader,
        limits: Limits,
        start: TapeMark = TapeMark()
    ) throws(LiveTapeError) {
        let folder = try SegmentFolder(path: path)
        var found = try FoundTape(folder, header)
        let end = found.segments.isEmpty ? start : found.end
        if let last = found.segments.last {
            if found.wholeBytes > 0 {
                try folder.resume(last, wholeBytes: found.wholeBytes)
            } else {
                // Its header was torn, and nothing is behind that.
                try folder.remove(last)
                found.segments.removeLast()
            }
        }
        self.header = found.header ?? header
        self.limits = limits
        encoder = TapeEncoder(self.header)
        tornBytes = found.tornBytes
        let status = Status(first: found.segments.first?.start ?? end, durable: end, end: end)
        var state = State(status: status, segments: found.segments)
        if found.wholeBytes == 0 { Self.beginSegment(&state, encoder) }
        self.state = Mutex(state)
        disk = Disk(folder)
        try write()
    }

    /// Whether a folder holds a tape; opening it tells whether it can be used.
    public static func exists(in folder: String) -> Bool {
        !((try? SegmentFolder.segments(in: folder)) ?? []).isEmpty
    }

    /// Deletes the tape in a folder, and the folder, if nobody writes it.
    ///
    /// - Throws: `LiveTapeError`.
    public static func delete(folder path: String) throws(LiveTapeError) {
        try SegmentFolder(path: path).removeAll()
    }

    /// How full the tape is, and how far.
    public var status: Status { state.withLock { $0.status } }

    // MARK: Writing

    /// Appends one frame.
    ///
    /// It is on the disk a little later. Whoever appends calls `settle` now and then, so that the disk can follow.
    ///
    /// - Returns: the offset behind it.
    /// - Throws: `LiveTapeError`: `full` where the tape or what waits for the disk may not grow; nothing is appended
    ///   then.
    @discardableResult
    public func append(
        _ kind: TapeFrameKind,
        receiptTime: Timestamp,
        connection: UnsafeRawBufferPointer,
        payload: UnsafeRawBufferPointer
    ) throws(LiveTapeError) -> Int64 {
        let outcome = state.withLock { state in
            Result<(Schedule, Int64), LiveTapeError> { () throws(LiveTapeError) in
                try append(kind, receiptTime, connection, payload, to: &state)
                return (schedule(&state), state.status.end.offset)
            }
        }
        let (urgency, end) = try outcome.get()
        switch urgency {
        case .none: break
        case .soon: disk.queue.asyncAfter(deadline: .now() + limits.syncDelay.dispatch) { self.writeInQueue() }
        case .now: disk.queue.async { self.writeInQueue() }
        }
        return end
    }

    private enum Schedule {
        case none
        case soon
        case now
    }

    private func append(
        _ kind: TapeFrameKind,
        _ receiptTime: Timestamp,
        _ connection: UnsafeRawBufferPointer,
        _ payload: UnsafeRawBufferPointer,
        to state: inout State
    ) throws(LiveTapeError) {
        guard !state.isClosed else { throw LiveTapeError(.closed, "\(disk.folder.path): the tape was closed") }
        let size = Int64(payload.count + connection.count) + 64
        guard state.status.byteCount + size <= limits.bytesMax else {
            let most = limits.bytesMax
            throw LiveTapeError(.full, "\(disk.folder.path): the tape has all \(most) bytes that it may have")
        }
        guard state.pendingBytes + Int(size) <= limits.pendingMax || state.pendingBytes == 0 else {
            throw LiveTapeError(.full, "\(disk.folder.path): the disk does not take what waits for it")
        }
        let segmentStart = state.segments.last?.start.offset ?? 0
        if state.status.end.offset - segmentStart >= limits.segmentBytes { Self.beginSegment(&state, encoder) }
        if state.pending.isEmpty { state.pending.append(Chunk(begins: nil, end: state.status.end)) }
        let last = state.pending.count - 1
        let before = state.pending[last].bytes.count
        do throws(TapeError) {
            try encoder.append(
                kind,
                receiptTime: receiptTime,
                connection: connection,
                payload: payload,
                to: &state.pending[last].bytes
            )
        } catch {
            throw LiveTapeError(.tooLong, "\(disk.folder.path): \(error)")
        }
        Self.moveEnd(&state, lines: 1, bytes: state.pending[last].bytes.count - before)
    }

    private static func beginSegment(_ state: inout State, _ encoder: TapeEncoder) {
        let segment = Segment(start: state.status.end)
        var chunk = Chunk(begins: segment, end: state.status.end)
        encoder.appendHeader(to: &chunk.bytes)
        let count = chunk.bytes.count
        state.segments.append(segment)
        state.pending.append(chunk)
        moveEnd(&state, lines: 1, bytes: count)
    }

    private static func moveEnd(_ state: inout State, lines: Int64, bytes: Int) {
        state.status.end.line += lines
        state.status.end.offset += Int64(bytes)
        state.pendingBytes += bytes
        state.pending[state.pending.count - 1].end = state.status.end
    }

    private func schedule(_ state: inout State) -> Schedule {
        let isUrgent = state.pendingBytes >= limits.syncBytes
        if isUrgent, !state.isUrgent, state.status.trouble == nil {
            state.isUrgent = true
            state.isScheduled = true
            return .now
        }
        guard !state.isScheduled else { return .none }
        state.isScheduled = true
        return .soon
    }

    /// After a failure the disk is tried again so much later.
    private static let retryDelay: Duration = .milliseconds(250)

    private func writeInQueue() {
        do throws(LiveTapeError) {
            try write()
        } catch {
            disk.queue.asyncAfter(deadline: .now() + Self.retryDelay.dispatch) { self.writeInQueue() }
        }
    }

    /// Brings everything that waits to the disk; on the queue.
    private func write() throws(LiveTapeError) {
        while let chunk = takeChunk() {
            do throws(LiveTapeError) {
                if let segment = chunk.begins { try disk.folder.create(segment) }
                try disk.folder.append(chunk.bytes)
            } catch {
                putBack(chunk, error)
                throw error
            }
            finish(chunk)
        }
    }

    private func takeChunk() -> Chunk? {
        state.withLock { state in
            if state.pending.isEmpty {
                state.isScheduled = false
                state.isUrgent = false
                return nil
            }
            return state.pending.removeFirst()
        }
    }

    private func putBack(_ chunk: Chunk, _ error: LiveTapeError) {
        state.withLock { state in
            // What was appended meanwhile goes on behind it.
            state.pending.insert(chunk, at: 0)
            state.status.trouble = error
            state.isScheduled = true
            state.isUrgent = false
        }
    }

    private func finish(_ chunk: Chunk) {
        let ready = state.withLock { state in
            state.status.durable = chunk.end
            state.status.trouble = nil
            state.pendingBytes -= chunk.bytes.count
            let pending = state.pendingBytes
            let ready = state.waiters.filter { pending <= $0.bytesMax }
            state.waiters.removeAll { pending <= $0.bytesMax }
            return ready
        }
        for waiter in ready { waiter.continuation.resume() }
        grown.signal()
    }

    /// Whether so much waits for the disk that whoever appends should `settle`.
    public var isBehind: Bool { state.withLock { $0.pendingBytes > 2 * limits.syncBytes } }

    /// Waits while more waits for the disk than one write of it takes.
    public func settle() async {
        await wait(untilPendingIsAtMost: limits.syncBytes)
    }

    /// Waits until everything that was appended is on the disk; as long as the disk fails, for ever.
    public func sync() async {
        await wait(untilPendingIsAtMost: 0)
    }

    private func wait(untilPendingIsAtMost bytesMax: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                guard state.pendingBytes > bytesMax else { return true }
                state.waiters.append(Waiter(bytesMax: bytesMax, continuation: continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    /// Takes no more frames; readers come to the end when they have read what is there.
    public func close() {
        state.withLock { $0.isClosed = true }
        grown.signal()
    }

    /// Lets go of the folder, behind everything that is still to be written: for whoever takes it next.
    ///
    /// To be called once the tape is closed and nobody reads it.
    public func release() async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            disk.queue.async {
                try? self.write()
                self.disk.folder.release()
                continuation.resume()
            }
        }
    }

    // MARK: Deleting

    /// Deletes the segments that hold nothing at or behind a place; never the last one.
    ///
    /// In the background. What cannot be deleted is tried again with the next call.
    public func trim(before offset: Int64) {
        disk.queue.async {
            let doomed = self.state.withLock { state in
                zip(state.segments, state.segments.dropFirst()).prefix { $1.start.offset <= offset }.map { $0.0 }
            }
            for segment in doomed {
                guard (try? self.disk.folder.remove(segment)) != nil else { return }
                self.state.withLock { state in
                    state.segments.removeFirst()
                    if let first = state.segments.first { state.status.first = first.start }
                }
            }
        }
    }

    /// Waits until deletions that were asked for are over.
    func untilTrimmed() async {
        await withCheckedContinuation { continuation in disk.queue.async { continuation.resume() } }
    }

    // MARK: Reading

    /// What is on the disk of the tape's end: of the last segment, at most so many bytes.
    ///
    /// Begins in the middle of a record, perhaps. Reads the file: to be called where that may take a moment.
    func lastBytes(max: Int) -> [UInt8] {
        let (segment, end) = state.withLock { ($0.segments.last, $0.status.durable.offset) }
        guard let segment, end > segment.start.offset else { return [] }
        let count = Int(min(Int64(max), end - segment.start.offset))
        guard let file = try? FileSource(path: disk.folder.path(of: segment)),
            (try? file.skip(to: end - segment.start.offset - Int64(count))) != nil
        else { return [] }
        var bytes = [UInt8](repeating: 0, count: count)
        let read = bytes.withUnsafeMutableBytes { (try? file.read(into: $0)) ?? 0 }
        return Array(bytes.prefix(read))
    }

    /// Where a byte is.
    struct Place {
        let path: String
        /// Its offset in that file.
        let offset: Int64
        /// How many bytes from there on are on the disk, in that file.
        let count: Int64
    }

    /// What reading comes to at some place.
    enum Reading {
        case bytes(Place)
        /// Nothing is there yet.
        case waiting
        /// The tape was closed, and there is nothing more.
        case ended
        /// It was deleted.
        case gone
    }

    func reading(at offset: Int64) -> Reading {
        state.withLock { state in
            guard offset >= state.status.first.offset else { return .gone }
            guard offset < state.status.durable.offset else {
                return state.isClosed && state.pendingBytes == 0 ? .ended : .waiting
            }
            guard let index = state.segments.lastIndex(where: { $0.start.offset <= offset }) else { return .gone }
            let segment = state.segments[index]
            let next = index + 1 < state.segments.count ? state.segments[index + 1].start.offset : Int64.max
            let end = min(next, state.status.durable.offset)
            return .bytes(
                Place(
                    path: disk.folder.path(of: segment),
                    offset: offset - segment.start.offset,
                    count: end - offset
                )
            )
        }
    }

    /// Blocks until the tape may have grown, some tenths of a second at most.
    func waitForGrowth() {
        _ = grown.wait(timeout: .now() + .milliseconds(100))
    }
}

extension Duration {
    fileprivate var dispatch: DispatchTimeInterval {
        let (seconds, attoseconds) = components
        return .nanoseconds(Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000))
    }
}
