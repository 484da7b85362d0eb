import BSON

/// MongoDB's order of values of all types, in which it sorts, compares and tells equal from different.
enum BSONOrder {
    enum Comparison {
        case less, equal, greater
    }

    static func compare(_ left: BSONValue, _ right: BSONValue) -> Comparison {
        let classes = compareComparable(typeClass(of: left), typeClass(of: right))
        guard classes == .equal else { return classes }
        switch (left, right) {
        case (.string(let left), .string(let right)):
            return compareSequences(Array(left.utf8), Array(right.utf8)) { compareComparable($0, $1) }
        case (.document(let left), .document(let right)):
            return compareSequences(left.fields, right.fields, by: compareFields)
        case (.array(let left), .array(let right)):
            return compareSequences(left, right, by: compare)
        case (.binary(let left), .binary(let right)):
            let lengths = compareComparable(left.count, right.count)
            return lengths == .equal ? compareSequences(left, right) { compareComparable($0, $1) } : lengths
        case (.objectID(let left), .objectID(let right)):
            let high = compareComparable(left.high, right.high)
            return high == .equal ? compareComparable(left.low, right.low) : high
        case (.bool(let left), .bool(let right)):
            return compareComparable(left ? 1 : 0, right ? 1 : 0)
        case (.datetime(let left), .datetime(let right)):
            return compareComparable(left, right)
        case (.timestamp(let left), .timestamp(let right)):
            return compareComparable(left, right)
        default:
            return compareNumbers(left, right)
        }
    }

    /// Whether `compare` finds no difference.
    ///
    /// Most values differ, and most of those are texts: they are told apart without a comparison byte by byte.
    static func areEqual(_ left: BSONValue, _ right: BSONValue) -> Bool {
        if case .string(let left) = left, case .string(let right) = right, left != right { return false }
        return compare(left, right) == .equal
    }

    /// Whether both values are of types that comparisons such as $gt hold against each other at all.
    static func areComparable(_ left: BSONValue, _ right: BSONValue) -> Bool {
        typeClass(of: left) == typeClass(of: right)
    }

    /// The same encoding for all numbers of the same value: what equality of keys goes by.
    static func canonical(_ value: BSONValue) -> BSONValue {
        if let integer = value.integer { return .int64(integer) }
        guard case .decimal128(let decimal) = value, var (coefficient, exponent) = decimal.parts else { return value }
        while coefficient != 0, coefficient % 10 == 0, exponent < 0 {
            coefficient /= 10
            exponent += 1
        }
        guard coefficient == 0 || exponent == 0, let integer = Int64(exactly: coefficient) else {
            return .decimal128(Decimal128(coefficient: coefficient, exponent: exponent))
        }
        return .int64(integer)
    }

    private static func typeClass(of value: BSONValue) -> Int {
        switch value {
        case .minKey: 1
        case .null: 5
        case .double, .int32, .int64, .decimal128: 10
        case .string: 15
        case .document: 20
        case .array: 25
        case .binary: 30
        case .objectID: 35
        case .bool: 40
        case .datetime: 45
        case .timestamp: 47
        case .maxKey: 127
        }
    }

    private static func compareFields(
        _ left: (key: String, value: BSONValue),
        _ right: (key: String, value: BSONValue)
    ) -> Comparison {
        let types = compareComparable(typeClass(of: left.value), typeClass(of: right.value))
        guard types == .equal else { return types }
        let keys = compare(.string(left.key), .string(right.key))
        return keys == .equal ? compare(left.value, right.value) : keys
    }

    private static func compareSequences<Element>(
        _ left: [Element],
        _ right: [Element],
        by compare: (Element, Element) -> Comparison
    ) -> Comparison {
        for (left, right) in zip(left, right) {
            let result = compare(left, right)
            if result != .equal { return result }
        }
        return compareComparable(left.count, right.count)
    }

    private static func compareComparable<Value: Comparable>(_ left: Value, _ right: Value) -> Comparison {
        left < right ? .less : (left == right ? .equal : .greater)
    }
}

extension BSONOrder {
    /// Integers and decimals compare exactly; a double against a decimal compares as doubles.
    private static func compareNumbers(_ left: BSONValue, _ right: BSONValue) -> Comparison {
        switch (left, right) {
        case (.double(let left), .double(let right)):
            return compareDoubles(left, right)
        case (.double(let left), _):
            guard let right = right.integer else { return compareDoubles(left, approximate(right)) }
            return compare(left, right)
        case (_, .double(let right)):
            guard let left = left.integer else { return compareDoubles(approximate(left), right) }
            switch compare(right, left) {
            case .less: return .greater
            case .equal: return .equal
            case .greater: return .less
            }
        default:
            if let left = left.integer, let right = right.integer { return compareComparable(left, right) }
            guard let left = parts(left), let right = parts(right) else {
                return compareDoubles(approximate(left), approximate(right))
            }
            return compareDecimals(left, right)
        }
    }

    /// NaN comes before all numbers, and equals itself.
    private static func compareDoubles(_ left: Double, _ right: Double) -> Comparison {
        if left.isNaN || right.isNaN { return compareComparable(left.isNaN ? 0 : 1, right.isNaN ? 0 : 1) }
        return compareComparable(left, right)
    }

    private static func compare(_ left: Double, _ right: Int64) -> Comparison {
        if left.isNaN || left < -0x1p63 { return .less }
        if left >= 0x1p63 { return .greater }
        let whole = compareComparable(Int64(left), right)
        return whole == .equal ? compareComparable(left, left.rounded(.towardZero)) : whole
    }

    private static func parts(_ value: BSONValue) -> (coefficient: Int128, exponent: Int)? {
        value.integer.map { (Int128($0), 0) } ?? value.decimal128?.parts
    }

    private static func compareDecimals(
        _ left: (coefficient: Int128, exponent: Int),
        _ right: (coefficient: Int128, exponent: Int)
    ) -> Comparison {
        let signs = compareComparable(left.coefficient.signum(), right.coefficient.signum())
        guard signs == .equal, left.coefficient != 0 else { return signs }
        let magnitudes = compareComparable(
            digits(left.coefficient) + left.exponent,
            digits(right.coefficient) + right.exponent
        )
        guard magnitudes == .equal else {
            let leftIsGreater = (magnitudes == .greater) == (left.coefficient > 0)
            return leftIsGreater ? .greater : .less
        }
        // Equal magnitudes: the coefficient with fewer digits grows to the digits of the other, so neither overflows.
        let shift = left.exponent - right.exponent
        return compareComparable(
            left.coefficient * power(of: max(shift, 0)),
            right.coefficient * power(of: max(-shift, 0))
        )
    }

    private static func digits(_ coefficient: Int128) -> Int {
        String(coefficient.magnitude).utf8.count
    }

    private static func power(of exponent: Int) -> Int128 {
        (0..<exponent).reduce(1) { power, _ in power * 10 }
    }

    private static func approximate(_ value: BSONValue) -> Double {
        switch value {
        case .double(let double): return double
        case .decimal128(let decimal):
            guard let (coefficient, exponent) = decimal.parts else { return .nan }
            return Double("\(coefficient)e\(exponent)") ?? .nan
        default: return value.integer.map(Double.init) ?? .nan
        }
    }
}
