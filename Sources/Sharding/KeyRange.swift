public import BSON

/// The values of a shard key from `lower` up to, but not including, `upper`, as MongoDB orders them.
public struct KeyRange: Equatable, Sendable {
    public let lower: BSONValue
    public let upper: BSONValue

    init(lower: BSONValue, upper: BSONValue) {
        self.lower = lower
        self.upper = upper
    }

    /// Every value that there is.
    public static let all = KeyRange(lower: .minKey, upper: .maxKey)

    /// One text, and nothing else.
    public init(exactly text: String) {
        // No text lies between one and the same with a NUL behind it.
        self.init(lower: .string(text), upper: .string(text + "\0"))
    }

    /// All texts that begin with `name` and `separator`, an ASCII character.
    public init(_ name: String, separator: Unicode.Scalar) {
        let next = Unicode.Scalar(UInt8(ascii: separator) + 1)
        self.init(lower: .string(name + String(separator)), upper: .string(name + String(next)))
    }

    /// Whether the two have a value in common.
    func overlaps(_ other: KeyRange) -> Bool {
        lower.isBelow(other.upper) && other.lower.isBelow(upper)
    }

    /// Whether every value of `other` is one of this range.
    func contains(_ other: KeyRange) -> Bool {
        !other.lower.isBelow(lower) && !upper.isBelow(other.upper)
    }
}

extension BSONValue {
    /// Whether MongoDB orders this bound before another one.
    ///
    /// Texts and the ends are told apart. Other types come before all texts, and among themselves are each before the
    /// other: ranges of them count as overlapping.
    func isBelow(_ other: BSONValue) -> Bool {
        switch (self, other) {
        case (.string(let one), .string(let two)): one.utf8.lexicographicallyPrecedes(two.utf8)
        case (.minKey, .minKey), (.maxKey, _), (_, .minKey): false
        case (.minKey, _), (_, .maxKey): true
        case (.string, _): false
        default: true
        }
    }
}
