import CZlib
import CZstd

/// Compresses for the tests of the readers.
enum Archives {
    static func deflate(_ bytes: [UInt8], windowBits: Int32) -> [UInt8] {
        var stream = z_stream()
        let size = Int32(MemoryLayout<z_stream>.size)
        precondition(deflateInit2_(&stream, 6, Z_DEFLATED, windowBits, 8, 0, ZLIB_VERSION, size) == Z_OK)
        defer { deflateEnd(&stream) }
        var input = bytes
        var output = [UInt8](repeating: 0, count: bytes.count + bytes.count / 8 + 256)
        let written = input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                precondition(CZlib.deflate(&stream, Z_FINISH) == Z_STREAM_END)
                return output.count - Int(stream.avail_out)
            }
        }
        return Array(output[..<written])
    }

    static func gzip(_ bytes: [UInt8]) -> [UInt8] { deflate(bytes, windowBits: 31) }

    static func zstd(_ bytes: [UInt8], windowLog: Int32? = nil) -> [UInt8] {
        let context = ZSTD_createCCtx()
        defer { ZSTD_freeCCtx(context) }
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
        if let windowLog {
            ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, windowLog)
            ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0)
        }
        var output = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count) + 1024)
        // As a stream, so that the window is what was asked for.
        let written = bytes.withUnsafeBytes { input in
            output.withUnsafeMutableBytes { target in
                var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
                var sink = ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
                _ = ZSTD_compressStream2(context, &sink, &source, ZSTD_e_continue)
                while ZSTD_compressStream2(context, &sink, &source, ZSTD_e_end) != 0 {}
                return sink.pos
            }
        }
        return Array(output[..<written])
    }

    struct ZipFile {
        var name: String
        var content: [UInt8]
        var isStored = false
        var isEncrypted = false
        var method: UInt16?
        var crc: UInt32?
        var declaredSize: Int?
        var isWide = false
    }

    static func zip(_ files: [ZipFile], comment: String = "") -> [UInt8] {
        var archive: [UInt8] = []
        var directory: [UInt8] = []
        for file in files {
            let data = file.isStored ? file.content : deflate(file.content, windowBits: -15)
            let crc = file.crc ?? UInt32(truncatingIfNeeded: crc32_z(0, file.content, file.content.count))
            let size = file.declaredSize ?? file.content.count
            let offset = archive.count
            let method = file.method ?? (file.isStored ? 0 : 8)
            let name = Array(file.name.utf8)
            let common =
                bytes16(20) + bytes16(file.isEncrypted ? 1 : 0) + bytes16(method) + bytes32(0) + bytes32(crc)
            let localSizes = bytes32(UInt32(data.count)) + bytes32(UInt32(size))
            let localExtra: [UInt8] = [0x55, 0x54, 1, 0, 0]
            archive += [0x50, 0x4B, 3, 4] + common + localSizes
            archive += bytes16(UInt16(name.count)) + bytes16(UInt16(localExtra.count)) + name + localExtra + data
            let wide: [UInt8] =
                file.isWide ? bytes16(1) + bytes16(24) + bytes64(size) + bytes64(data.count) + bytes64(offset) : []
            let sizes = file.isWide ? bytes32(.max) + bytes32(.max) : localSizes
            directory += [0x50, 0x4B, 1, 2] + bytes16(20) + common + sizes + bytes16(UInt16(name.count))
            directory += bytes16(UInt16(wide.count)) + bytes16(0) + bytes16(0) + bytes16(0) + bytes32(0)
            directory += (file.isWide ? bytes32(.max) : bytes32(UInt32(offset))) + name + wide
        }
        let start = archive.count
        archive += directory + [0x50, 0x4B, 5, 6] + bytes32(0) + bytes16(UInt16(files.count))
        archive += bytes16(UInt16(files.count)) + bytes32(UInt32(directory.count)) + bytes32(UInt32(start))
        return archive + bytes16(UInt16(comment.utf8.count)) + Array(comment.utf8)
    }

    private static func bytes16(_ value: UInt16) -> [UInt8] { withUnsafeBytes(of: value.littleEndian, Array.init) }
    private static func bytes32(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.littleEndian, Array.init) }
    private static func bytes64(_ value: Int) -> [UInt8] { withUnsafeBytes(of: value.littleEndian, Array.init) }
}
