import Synchronization
import TickStore

/// An archive in memory, with what can go wrong with one on a disk.
final class MemoryArchive: SegmentArchive {
    enum Fault {
        /// Nothing is written.
        case noSpace
        /// It is written, and nobody hears of it.
        case replyLost
        /// It does not come back as it was written.
        case damagedOnReading
    }

    private struct State {
        var files: [String: [UInt8]] = [:]
        var faults: [Fault] = []
        var keepCount = 0
    }

    private let state = Mutex(State())

    var files: [String: [UInt8]] { state.withLock { $0.files } }
    var keepCount: Int { state.withLock { $0.keepCount } }

    /// The next files meet these faults, one each.
    func inject(_ faults: [Fault]) {
        state.withLock { $0.faults += faults }
    }

    func keep(_ bytes: [UInt8], as name: String) async throws(ArchiveError) {
        let error = state.withLock { state -> ArchiveError? in
            state.keepCount += 1
            if state.faults.first == .noSpace {
                state.faults.removeFirst()
                return ArchiveError(.noSpace, "the memory is full")
            }
            guard state.files[name] ?? bytes == bytes else { return ArchiveError(.differs, name) }
            state.files[name] = bytes
            guard state.faults.first == .replyLost else { return nil }
            state.faults.removeFirst()
            return ArchiveError(.unavailable, "the memory did not answer")
        }
        if let error { throw error }
    }

    func content(of name: String) async throws(ArchiveError) -> [UInt8] {
        let bytes = state.withLock { state -> [UInt8]? in
            var bytes = state.files[name]
            if state.faults.first == .damagedOnReading {
                state.faults.removeFirst()
                bytes?[20] ^= 1
            }
            return bytes
        }
        guard let bytes else { throw ArchiveError(.missing, name) }
        return bytes
    }
}
