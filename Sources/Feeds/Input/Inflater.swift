private import CZlib

/// A zlib decompressor that writes straight into the caller's memory.
final class Inflater {
    enum Wrapping {
        /// A gzip member: zlib checks its CRC and its length.
        case gzip
        /// The bare deflate data of a zip entry.
        case raw
    }

    enum State: Equatable {
        case more
        /// The member or entry is complete.
        case finished
        case failed(String)
    }

    private let stream: UnsafeMutablePointer<z_stream>

    init(_ wrapping: Wrapping) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let windowBits: Int32 =
            switch wrapping {
            case .gzip: 15 + 16
            case .raw: -15
            }
        let result = inflateInit2_(stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        // Only a lack of memory can fail here, or a zlib of another version than the headers.
        precondition(result == Z_OK, "zlib cannot be initialised")
    }

    deinit {
        inflateEnd(stream)
        stream.deinitialize(count: 1)
        stream.deallocate()
    }

    /// Starts a new member.
    func reset() {
        inflateReset(stream)
    }

    /// Decompresses what fits; returns how many bytes were used and written.
    func step(
        _ input: UnsafeRawBufferPointer,
        into target: UnsafeMutableRawBufferPointer
    ) -> (used: Int, written: Int, state: State) {
        let inputCount = min(input.count, Int(UInt32.max))
        let targetCount = min(target.count, Int(UInt32.max))
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
        stream.pointee.avail_in = UInt32(inputCount)
        stream.pointee.next_out = target.bindMemory(to: UInt8.self).baseAddress
        stream.pointee.avail_out = UInt32(targetCount)
        let result = inflate(stream, Z_NO_FLUSH)
        let used = inputCount - Int(stream.pointee.avail_in)
        let written = targetCount - Int(stream.pointee.avail_out)
        switch result {
        // No progress was possible: the caller brings more input.
        case Z_OK, Z_BUF_ERROR: return (used, written, .more)
        case Z_STREAM_END: return (used, written, .finished)
        default:
            let message = stream.pointee.msg.map { String(cString: $0) } ?? "zlib error \(result)"
            return (used, written, .failed(message))
        }
    }

    /// The CRC-32 of bytes behind others with the CRC-32 `crc`; 0 for none.
    static func crc32(_ crc: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
        UInt32(truncatingIfNeeded: crc32_z(UInt(crc), bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count))
    }
}

/// Decompresses gzip, of one member or several one behind the other.
public final class GzipSource: ByteSource {
    private let source: Members

    /// Reads gzip from `source`.
    ///
    /// `name` is what messages call it.
    public init(_ source: any ByteSource, name: String) {
        self.source = Members(CompressedInput(source, name: name))
    }

    public func read(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
        try source.read(into: target)
    }

    public func skip(to offset: Int64) throws(InputError) { try source.skip(to: offset) }

    private final class Members: DecompressingSource {
        private let inflater = Inflater(.gzip)
        private var isBetweenMembers = false

        override func decompress(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int? {
            let hasInput = try input.refill()
            if isBetweenMembers {
                guard hasInput else { return nil }
                guard skipPadding() else { return 0 }
            }
            // Without input there may still be output that did not fit before.
            let (used, written, state) = inflater.step(input.bytes, into: target)
            input.consume(used)
            switch state {
            case .more: if !hasInput, written == 0 { throw input.endedEarly }
            case .finished:
                inflater.reset()
                isBetweenMembers = true
            case .failed(let reason): throw input.damaged(reason)
            }
            return written
        }

        /// Skips the zeros that tapes and some tools pad with; whether a member follows in what was read.
        private func skipPadding() -> Bool {
            let zeros = input.bytes.prefix { $0 == 0 }.count
            input.consume(zeros)
            guard !input.bytes.isEmpty else { return false }
            isBetweenMembers = false
            return true
        }
    }
}
