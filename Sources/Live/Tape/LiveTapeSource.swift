public import Feeds
private import Glibc

/// Reads a live tape from some place on, and waits at its end for what is still to come.
///
/// Blocks; used by one thread at a time. One reader a tape.
public final class LiveTapeSource: IncrementalSource {
    private let tape: LiveTape
    private let progress: InputProgress
    private let mayRead: @Sendable () -> Bool
    private var offset: Int64
    private var file: Int32 = -1
    private var path = ""

    init(_ tape: LiveTape, offset: Int64, progress: InputProgress, mayRead: @escaping @Sendable () -> Bool) {
        self.tape = tape
        self.mayRead = mayRead
        self.offset = offset
        self.progress = progress
    }

    deinit {
        if file >= 0 { close(file) }
    }

    public func read(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
        while true {
            if progress.isCancelled {
                throw InputError(.unavailable, "\(tape.header.source): reading was cancelled at byte \(offset)")
            }
            // What is on the tape was received before this moment, so leave to read now covers it.
            switch tape.reading(at: offset) {
            case .bytes(let place) where mayRead(): return try read(place, into: target)
            case .bytes: tape.waitForGrowth()
            case .waiting: tape.waitForGrowth()
            case .ended: return 0
            case .gone: throw InputError(.endedEarly, "\(tape.header.source): byte \(offset) of the tape was deleted")
            }
        }
    }

    private func read(
        _ place: LiveTape.Place,
        into target: UnsafeMutableRawBufferPointer
    ) throws(InputError) -> Int {
        if place.path != path {
            if file >= 0 { close(file) }
            file = open(place.path, O_RDONLY | O_CLOEXEC)
            path = place.path
        }
        let wanted = Int(min(Int64(target.count), place.count))
        while true {
            let count = pread(file, target.baseAddress, wanted, off_t(place.offset))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                path = ""
                throw InputError(.unavailable, "\(place.path): cannot be read; check the file and the disk")
            }
            offset += Int64(count)
            return count
        }
    }

    public func skip(to offset: Int64) throws(InputError) {
        guard offset >= self.offset else {
            throw InputError(.unsupported, "\(tape.header.source): cannot go back from \(self.offset) to \(offset)")
        }
        self.offset = offset
    }
}

extension LiveTape {
    /// Opens the tape for reading from its first byte that is still there.
    ///
    /// - Parameter mayRead: whether what was received up to now may be read; a reader waits until it may.
    public func input(mayRead: @escaping @Sendable () -> Bool = { true }) -> TapeInput {
        var head: [UInt8] = []
        TapeEncoder(header).appendHeader(to: &head)
        let progress = InputProgress()
        let source = LiveTapeSource(self, offset: status.first.offset, progress: progress, mayRead: mayRead)
        return TapeInput(live: source, head: head, name: header.source, progress: progress)
    }
}
