private import CZstd

/// Zstandard of texts that fit into memory.
enum Zstandard {
    /// Higher levels cost compaction more than they save: see docs/decisions/0014-candles.md.
    private static let level: Int32 = 1

    static func compress(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: ZSTD_compressBound(bytes.count)) { target, count in
            count = ZSTD_compress(target.baseAddress, target.count, bytes, bytes.count, level)
            // The target is as large as it can get: only a lack of memory is left.
            if ZSTD_isError(count) != 0 { fatalError("no memory for a Zstandard compressor") }
        }
    }

    /// The text of one frame, or nil where it is none, is damaged, or is longer than `sizeMax`.
    static func decompress(_ bytes: [UInt8], sizeMax: Int) -> [UInt8]? {
        let size = ZSTD_getFrameContentSize(bytes, bytes.count)
        guard let size = Int(exactly: size), size <= sizeMax else { return nil }
        var isWhole = false
        let text = [UInt8](unsafeUninitializedCapacity: max(size, 1)) { target, count in
            let result = ZSTD_decompress(target.baseAddress, size, bytes, bytes.count)
            isWhole = ZSTD_isError(result) == 0 && result == size
            count = isWhole ? result : 0
        }
        return isWhole ? text : nil
    }
}
