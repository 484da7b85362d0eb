package import BSON
package import DocumentStore
package import MarketData

/// A bar as its document holds it.
///
/// All trades of the source in the bar up to `appliedThrough` are in it, and none behind that.
package struct StoredCandle: Sendable {
    package let key: CandleKey
    /// The version of the document; zero where there is none yet.
    package var version: Int64
    package var bar: TradeBar
    package var isFinal: Bool
    package var appliedThrough: Int64
    /// Of a day: the sum of the versions of the hours that it was made of.
    ///
    /// Every change of an hour makes it greater, so it tells of any whether the day has it. No position does: a day has
    /// many windows, which fill each for itself.
    var hourVersions: Int64?

    package init(
        key: CandleKey,
        version: Int64 = 0,
        bar: TradeBar,
        isFinal: Bool,
        appliedThrough: Int64,
        hourVersions: Int64? = nil
    ) {
        self.key = key
        self.version = version
        self.bar = bar
        self.isFinal = isFinal
        self.appliedThrough = appliedThrough
        self.hourVersions = hourVersions
    }

    /// The bar of a day as its hours make it; nil where there are none.
    static func day(_ key: CandleKey, of hours: [CandleKey: StoredCandle], version: Int64) -> StoredCandle? {
        let hours = key.hours.compactMap { hours[$0] }
        guard let bar = TradeBar.merged(hours.map(\.bar), to: .day).first else { return nil }
        return StoredCandle(
            key: key,
            version: version,
            bar: bar,
            isFinal: hours.allSatisfy(\.isFinal),
            appliedThrough: hours.map(\.appliedThrough).max() ?? .min,
            hourVersions: hours.reduce(0) { $0 + $1.version }
        )
    }

    /// The bar, or nil where a document says the same, whatever its version.
    func unlessStored(as other: StoredCandle?) -> StoredCandle? {
        guard let other, bar == other.bar, isFinal == other.isFinal, appliedThrough == other.appliedThrough,
            hourVersions == other.hourVersions
        else { return self }
        return nil
    }

    private typealias Field = CandlesCollection.Field

    /// The change that makes the document what this value says, of the version that the value names.
    package func change(_ operationID: ObjectID) -> VersionedChange {
        let action: VersionedChange.Action
        if version == 0 {
            action = .create(BSONDocument(CandleDocument.identity(key) + fields.map { ($0.field, $0.value) }))
        } else {
            action = .update(expectedVersion: version, DocumentUpdate(set: fields))
        }
        return VersionedChange(key: key.documentKey, action: action, operationID: operationID)
    }

    private var fields: [(field: String, value: BSONValue)] {
        let ofDay = hourVersions.map { [(field: Field.hourVersions, value: BSONValue.int64($0))] } ?? []
        return ofDay + [
            (Field.open, .decimal(bar.open)),
            (Field.high, .decimal(bar.high)),
            (Field.low, .decimal(bar.low)),
            (Field.close, .decimal(bar.close)),
            (Field.volume, .sum(bar.volume)),
            (Field.turnover, .sum(bar.turnover)),
            (Field.vwap, bar.averagePrice.map(BSONValue.sum) ?? .null),
            (Field.buyVolume, .sum(bar.buyVolume)),
            (Field.sellVolume, .sum(bar.sellVolume)),
            (Field.count, .int64(bar.count)),
            (Field.openTime, .int64(bar.openTime)),
            (Field.closeTime, .int64(bar.closeTime)),
            (Field.isFinal, .bool(isFinal)),
            (Field.appliedThrough, .int64(appliedThrough)),
        ]
    }

    /// Reads a bar.
    ///
    /// - Throws: `StoreError` with code `unreadable`.
    package init(_ document: BSONDocument) throws(StoreError) {
        key = try CandleDocument.key(document)
        do throws(BSONError) {
            version = try document.integer(DocumentField.version)
            isFinal = try document.bool(Field.isFinal)
            appliedThrough = try document.integer(Field.appliedThrough)
            hourVersions = document[Field.hourVersions]?.integer
            bar = TradeBar(
                start: key.start,
                prices: (
                    try document.price(Field.open), try document.price(Field.high), try document.price(Field.low),
                    try document.price(Field.close)
                ),
                times: (try document.integer(Field.openTime), try document.integer(Field.closeTime)),
                sums: (
                    try document.sum(Field.volume), try document.sum(Field.turnover),
                    try document.sum(Field.buyVolume), try document.sum(Field.sellVolume)
                ),
                count: try document.integer(Field.count)
            )
        } catch {
            throw StoreError(.unreadable, "candle '\(key.id)' cannot be read: \(error)")
        }
    }
}

/// What the documents of all intervals have in common.
enum CandleDocument {
    private typealias Field = CandlesCollection.Field

    /// The fields that are written once, when the document is created.
    static func identity(_ key: CandleKey) -> [(String, BSONValue)] {
        [
            (DocumentField.schemaVersion, .int64(CandlesCollection.schemaVersion)),
            (Field.source, .string(key.source)),
            (Field.interval, .string(key.interval.name)),
            (Field.start, .int64(key.start)),
        ]
    }

    /// Reads what a document is about.
    ///
    /// - Throws: `StoreError` with code `unreadable` where it is of another layout, `newerSchema` where that is a newer
    ///   one.
    static func key(_ document: BSONDocument) throws(StoreError) -> CandleKey {
        let document = try CandlesCollection.schema.current(document)
        guard let source = document[Field.source]?.string, let start = document[Field.start]?.integer,
            let instrument = document[Field.instrumentSymbol]?.string.flatMap(Instrument.init(parsing:)),
            let interval = document[Field.interval]?.string.flatMap(CandleInterval.init(name:))
        else {
            let name = document[DocumentField.id]?.string ?? "?"
            throw StoreError(.unreadable, "candle '\(name)' cannot be read: it does not say whose bar it is")
        }
        return CandleKey(source: source, instrument: instrument, interval: interval, start: start)
    }
}

extension BSONDocument {
    fileprivate func price(_ key: String) throws(BSONError) -> ExactDecimal {
        guard let value = self[key] else { throw BSONError(.missingField, field: key) }
        guard let price = value.exactDecimal else { throw BSONError(.wrongType, field: key) }
        return price
    }

    fileprivate func sum(_ key: String) throws(BSONError) -> DecimalSum {
        guard let value = self[key] else { throw BSONError(.missingField, field: key) }
        guard let sum = value.decimalSum else { throw BSONError(.wrongType, field: key) }
        return sum
    }
}
