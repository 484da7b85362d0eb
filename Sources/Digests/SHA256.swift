private import CLibCrypto

/// The SHA-256 digest (FIPS 180-4) of libcrypto, which libmongoc brings along.
package enum SHA256 {
    /// The length of a digest.
    package static let byteCount = 32

    /// The digest of some bytes.
    package static func digest(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            _ = CLibCrypto.SHA256(bytes, bytes.count, buffer.baseAddress)
            count = byteCount
        }
    }

    /// The keyed digest of some bytes (HMAC, RFC 2104).
    package static func authentication(of bytes: [UInt8], key: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            _ = HMAC(EVP_sha256(), key, Int32(key.count), bytes, bytes.count, buffer.baseAddress, nil)
            count = byteCount
        }
    }

    /// Bytes as lower-case hexadecimal digits.
    package static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// Whether two digests are equal, in a time that does not tell where they differ.
    package static func areEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        one.count == other.count && CRYPTO_memcmp(one, other, one.count) == 0
    }
}
