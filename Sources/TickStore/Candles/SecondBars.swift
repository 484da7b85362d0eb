import BSON
import DocumentStore
import MarketData

/// The bars of seconds of one source, instrument and hour, which are too many for documents of their own.
///
/// They are lines of comma-separated values, compressed with Zstandard: second within the hour, open, high, low, close,
/// volume, turnover, buy volume, sell volume, count, and the times of the first and the last trade in nanoseconds
/// since the start of the second. Numbers are exact; a sum that did not fit is empty.
struct SecondBars: Sendable {
    let key: CandleKey
    /// The version of the document; zero where there is none yet.
    var version: Int64
    var bars: [TradeBar]
    var isFinal: Bool
    var appliedThrough: Int64

    private typealias Field = CandlesCollection.Field

    init(key: CandleKey, version: Int64 = 0, bars: [TradeBar], isFinal: Bool, appliedThrough: Int64) {
        self.key = key
        self.version = version
        self.bars = bars
        self.isFinal = isFinal
        self.appliedThrough = appliedThrough
    }

    /// The trades in all bars.
    var tradeCount: Int64 { bars.reduce(0) { $0 + $1.count } }

    func change(_ operationID: ObjectID) -> VersionedChange {
        let fields: [(field: String, value: BSONValue)] = [
            (Field.bars, .binary(Zstandard.compress(text))),
            (Field.count, .int64(tradeCount)),
            (Field.isFinal, .bool(isFinal)),
            (Field.appliedThrough, .int64(appliedThrough)),
        ]
        let action: VersionedChange.Action
        if version == 0 {
            action = .create(BSONDocument(CandleDocument.identity(key) + fields.map { ($0.field, $0.value) }))
        } else {
            action = .update(expectedVersion: version, DocumentUpdate(set: fields))
        }
        return VersionedChange(
            key: key.documentKey,
            action: action,
            operationID: operationID,
            conflictExcludes: [Field.bars]
        )
    }

    /// Reads the bars of a document.
    ///
    /// - Throws: `StoreError` with code `unreadable`.
    init(_ document: BSONDocument) throws(StoreError) {
        key = try CandleDocument.key(document)
        do throws(BSONError) {
            version = try document.integer(DocumentField.version)
            isFinal = try document.bool(Field.isFinal)
            appliedThrough = try document.integer(Field.appliedThrough)
            let compressed = try document.binary(Field.bars)
            guard let text = Zstandard.decompress(compressed, sizeMax: Self.textMax),
                let bars = Self.bars(text, hour: key.start)
            else { throw BSONError(.wrongType, field: Field.bars) }
            self.bars = bars
        } catch {
            throw StoreError(.unreadable, "candle '\(key.id)' cannot be read: \(error)")
        }
    }

    /// 3,600 lines of eleven numbers of up to 70 characters are less.
    private static let textMax = 4 << 20
}

extension SecondBars {
    private static let comma = UInt8(ascii: ",")
    /// What most lines are shorter than.
    private static let lineLength = 128

    private var text: [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(bars.count * Self.lineLength)
        for bar in bars {
            append((bar.start - key.start) / CandleInterval.second.nanoseconds, to: &text)
            for price in [bar.open, bar.high, bar.low, bar.close] {
                price.appendText(to: &text)
                text.append(Self.comma)
            }
            for sum in [bar.volume, bar.turnover, bar.buyVolume, bar.sellVolume] {
                sum.appendText(to: &text)
                text.append(Self.comma)
            }
            append(bar.count, to: &text)
            append(bar.openTime - bar.start, to: &text)
            append(bar.closeTime - bar.start, to: &text)
            text[text.count - 1] = UInt8(ascii: "\n")
        }
        return text
    }

    private func append(_ number: Int64, to text: inout [UInt8]) {
        ExactDecimal(mantissa: number, exponent: 0).appendText(to: &text)
        text.append(Self.comma)
    }

    /// The bars of a text, or nil where it is none.
    private static func bars(_ text: [UInt8], hour: Int64) -> [TradeBar]? {
        var bars: [TradeBar] = []
        for line in text.split(separator: UInt8(ascii: "\n")) {
            let columns = line.split(separator: comma, omittingEmptySubsequences: false)
            guard columns.count == 12, let bar = bar(columns, hour: hour) else { return nil }
            bars.append(bar)
        }
        return bars
    }

    private static func bar(_ columns: [ArraySlice<UInt8>], hour: Int64) -> TradeBar? {
        let prices = columns[1...4].compactMap(decimal)
        let sums = columns[5...8].compactMap(sum)
        let numbers = ([columns[0]] + columns[9...]).compactMap { decimal($0)?.scaled(to: 0) }
        guard prices.count == 4, sums.count == 4, numbers.count == 4 else { return nil }
        let start = hour + numbers[0] * CandleInterval.second.nanoseconds
        return TradeBar(
            start: start,
            prices: (prices[0], prices[1], prices[2], prices[3]),
            times: (start + numbers[2], start + numbers[3]),
            sums: (sums[0], sums[1], sums[2], sums[3]),
            count: numbers[1]
        )
    }

    private static func decimal(_ text: ArraySlice<UInt8>) -> ExactDecimal? {
        text.withUnsafeBytes { ExactDecimal(parsing: $0) }
    }

    private static func sum(_ text: ArraySlice<UInt8>) -> DecimalSum? {
        text.isEmpty ? .overflown : DecimalSum(parsing: String(decoding: text, as: UTF8.self))
    }
}
