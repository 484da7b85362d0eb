public import MarketData

/// Which field of a generic record means what, as `--map symbol=product_id,price=price,…` declares it.
public struct FieldMapping: Sendable {
    /// What a field of a record can mean.
    ///
    /// The raw values are places in tables.
    public enum Meaning: Int, CaseIterable, Sendable {
        case symbol, time, receipt, sequence, stream, id, side
        case price, size
        case bidPrice, bidSize, askPrice, askSize
        case open, high, low, close, volume, interval

        /// The name as `--map` takes it.
        public var name: String {
            switch self {
            case .bidPrice: "bid_price"
            case .bidSize: "bid_size"
            case .askPrice: "ask_price"
            case .askSize: "ask_size"
            default: "\(self)"
            }
        }

        public init?(name: some StringProtocol) {
            guard let meaning = Self.allCases.first(where: { $0.name == name }) else { return nil }
            self = meaning
        }
    }

    /// The name of the record's field for each meaning that is mapped.
    public let names: [Meaning: String]
    /// The kind of event that every record is: it follows from the meanings.
    public let kind: EventKind

    /// Takes the declared names and checks that they make a trade, a quote or a candle.
    ///
    /// - Throws: `MappingError` that says what is missing.
    public init(_ names: [Meaning: String]) throws(MappingError) {
        self.names = names
        if names[.open] != nil || names[.close] != nil {
            kind = .candle
        } else if names[.bidPrice] != nil || names[.askPrice] != nil {
            kind = .quote
        } else {
            kind = .trade
        }
        for meaning in Self.required(for: kind) where names[meaning] == nil {
            throw MappingError("a \(kind.name) needs a field for '\(meaning.name)': add \(meaning.name)=FIELD")
        }
    }

    /// Reads `symbol=product_id,price=price`.
    ///
    /// - Throws: `MappingError` that names the part that is not understood.
    public init(parsing text: String) throws(MappingError) {
        var names: [Meaning: String] = [:]
        for part in text.split(separator: ",") {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2, !sides[1].isEmpty else {
                throw MappingError("'\(part)' is not of the form MEANING=FIELD")
            }
            guard let meaning = Meaning(name: sides[0]) else {
                let known = Meaning.allCases.map(\.name).joined(separator: ", ")
                throw MappingError("'\(sides[0])' is no meaning of a field; there are \(known)")
            }
            guard names.updateValue(String(sides[1]), forKey: meaning) == nil else {
                throw MappingError("'\(meaning.name)' is mapped twice")
            }
        }
        try self.init(names)
    }

    /// The mapping of records whose fields are named by their meanings, for those fields that a record has.
    public init(fieldsNamed present: [String]) throws(MappingError) {
        var names: [Meaning: String] = [:]
        for meaning in Meaning.allCases where present.contains(meaning.name) {
            names[meaning] = meaning.name
        }
        try self.init(names)
    }

    private static func required(for kind: EventKind) -> [Meaning] {
        switch kind {
        case .trade: [.time, .price, .size]
        case .quote: [.time, .bidPrice, .askPrice]
        case .candle: [.time, .open, .high, .low, .close]
        }
    }
}

extension FieldMapping: CustomStringConvertible {
    /// The mapping as `--map` takes it, in a fixed order.
    public var description: String {
        Meaning.allCases.compactMap { meaning in names[meaning].map { "\(meaning.name)=\($0)" } }.joined(separator: ",")
    }
}

/// Why a mapping cannot be used.
public struct MappingError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
