import Feeds

/// A tape in memory.
final class MemorySource: ByteSource {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    func read(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
        let part = bytes[offset...].prefix(target.count)
        target.copyBytes(from: part)
        offset += part.count
        return part.count
    }

    func skip(to offset: Int64) throws(InputError) {
        guard offset <= bytes.count else { throw InputError(.endedEarly, "the tape is shorter than that") }
        self.offset = Int(offset)
    }
}
