/// Bytes that are in memory already.
public final class MemorySource: ByteSource {
    private let bytes: [UInt8]
    private var offset = 0

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    public func read(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
        let count = min(target.count, bytes.count - offset)
        target.copyBytes(from: bytes[offset..<(offset + count)])
        offset += count
        return count
    }

    public func skip(to offset: Int64) throws(InputError) {
        guard offset <= Int64(bytes.count) else {
            throw InputError(.endedEarly, "there are \(bytes.count) bytes, and \(offset) were to be skipped")
        }
        self.offset = Int(offset)
    }
}
