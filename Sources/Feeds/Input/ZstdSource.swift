private import CZstd

/// Decompresses Zstandard, of one frame or several one behind the other.
public final class ZstdSource: ByteSource {
    /// The largest window that is decompressed, as a power of two: 128 MiB, what `zstd --ultra` writes at most.
    public static let windowLogMax = 27

    private let source: Frames

    /// Reads Zstandard from `source`.
    ///
    /// `name` is what messages call it.
    public init(_ source: any ByteSource, name: String) {
        self.source = Frames(CompressedInput(source, name: name))
    }

    public func read(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
        try source.read(into: target)
    }

    public func skip(to offset: Int64) throws(InputError) { try source.skip(to: offset) }

    private final class Frames: DecompressingSource {
        private let context: OpaquePointer
        /// Whether a frame has begun and not ended.
        private var isInFrame = true

        override init(_ input: CompressedInput) {
            guard let context = ZSTD_createDCtx() else { fatalError("no memory for a Zstandard decompressor") }
            self.context = context
            ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Int32(ZstdSource.windowLogMax))
            super.init(input)
        }

        deinit {
            ZSTD_freeDCtx(context)
        }

        override func decompress(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int? {
            let hasInput = try input.refill()
            guard hasInput || isInFrame else { return nil }
            var compressed = ZSTD_inBuffer(src: input.bytes.baseAddress, size: input.bytes.count, pos: 0)
            var output = ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
            let result = ZSTD_decompressStream(context, &output, &compressed)
            input.consume(compressed.pos)
            if ZSTD_isError(result) != 0 { throw failure(result) }
            isInFrame = result != 0
            // Without input there may still be output that did not fit before.
            if !hasInput, isInFrame, output.pos == 0 { throw input.endedEarly }
            return output.pos
        }

        private func failure(_ result: Int) -> InputError {
            let reason = String(cString: ZSTD_getErrorName(result))
            guard ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge else {
                return input.damaged(reason)
            }
            let limit = 1 << (ZstdSource.windowLogMax - 20)
            return input.error(
                .unsupported,
                "it was compressed with a window of more than \(limit) MiB; "
                    + "pipe it through 'zstd -dc --long=31' and read - instead"
            )
        }
    }
}
