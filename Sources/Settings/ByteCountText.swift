/// Numbers of bytes as people write them: `500MB`, `8GB`, `4096B`.
///
/// A whole number with one of the units B, KB, MB, GB and TB, each a thousand of the one before, or KiB, MiB, GiB and
/// TiB, each 1,024 of the one before.
package enum ByteCountText {
    private static let units: [(name: String, bytes: Int64)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
        ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000), ("B", 1),
    ]

    /// The number that a text stands for; nil where it is none, or has no unit, or does not fit.
    package static func parse(_ text: String) -> Int64? {
        guard let unit = units.first(where: { text.hasSuffix($0.name) }) else { return nil }
        let digits = text.dropLast(unit.name.count)
        guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 &- 48 < 10 }), let number = Int64(digits) else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit.bytes)
        return overflow ? nil : bytes
    }
}
