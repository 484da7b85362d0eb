import SimulatedStore
import Synchronization
import TickStore

/// An archive in memory that fails as a disk does, as often as its seed says.
final class SimulatedArchive: SegmentArchive {
    private struct State {
        var files: [String: [UInt8]] = [:]
        var generator: SplitMix64
        var faults: Double
    }

    private let state: Mutex<State>

    init(seed: UInt64, faults: Double) {
        state = Mutex(State(generator: SplitMix64(seed: seed), faults: faults))
    }

    var files: [String: [UInt8]] { state.withLock { $0.files } }

    /// Nothing goes wrong from now on.
    func heal() {
        state.withLock { $0.faults = 0 }
    }

    func keep(_ bytes: [UInt8], as name: String) async throws(ArchiveError) {
        await Task.yield()
        let error = state.withLock { state -> ArchiveError? in
            if state.generator.nextUnit() < state.faults { return ArchiveError(.noSpace, "the simulated disk is full") }
            guard state.files[name] ?? bytes == bytes else { return ArchiveError(.differs, "\(name) differs") }
            state.files[name] = bytes
            let isLost = state.generator.nextUnit() < state.faults
            return isLost ? ArchiveError(.unavailable, "the simulated disk did not answer") : nil
        }
        if let error { throw error }
    }

    func content(of name: String) async throws(ArchiveError) -> [UInt8] {
        await Task.yield()
        let bytes = state.withLock { state -> [UInt8]? in
            guard var bytes = state.files[name] else { return nil }
            if state.generator.nextUnit() < state.faults { bytes[state.generator.nextIndex(below: bytes.count)] ^= 4 }
            return bytes
        }
        guard let bytes else { throw ArchiveError(.missing, "\(name) is not there") }
        return bytes
    }
}
