private import CLibCrypto

/// The SHA-256 digest (FIPS 180-4) of libcrypto, which libmongoc brings along.
enum SHA256 {
    static let byteCount = 32

    static func digest(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            _ = CLibCrypto.SHA256(bytes, bytes.count, buffer.baseAddress)
            count = byteCount
        }
    }
}
