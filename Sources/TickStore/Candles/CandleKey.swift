import BSON
package import DocumentStore
package import MarketData

/// Names a document of bars: those of one source, instrument and interval from one start on.
package struct CandleKey: Hashable, Sendable {
    package let source: String
    package let instrument: Instrument
    package let interval: CandleInterval
    /// The start of the bar, or of the hour that holds the bars of seconds, in nanoseconds.
    package let start: Int64

    package init(source: String, instrument: Instrument, interval: CandleInterval, start: Int64) {
        self.source = source
        self.instrument = instrument
        self.interval = interval
        self.start = start
    }

    /// The identifier, a pure function of what it names.
    package var id: String { "\(source)|\(instrument)|\(interval.name)|\(start)" }

    /// Names another bar of the same source and instrument.
    package func other(_ interval: CandleInterval, _ start: Int64) -> CandleKey {
        CandleKey(source: source, instrument: instrument, interval: interval, start: start)
    }

    /// The hours of a day, of the same source and instrument.
    var hours: [CandleKey] {
        (Int64(0)..<24).compactMap { hour in
            let (start, overflow) = start.addingReportingOverflow(hour * CandleInterval.hour.nanoseconds)
            return overflow ? nil : other(.hour, start)
        }
    }

    package var documentKey: DocumentKey {
        DocumentKey(
            collection: CandlesCollection.name,
            id: .string(id),
            shardKey: DocumentKey.ShardKey(
                field: CandlesCollection.Field.instrumentSymbol,
                value: .string(instrument.description)
            )
        )
    }
}

extension CandleKey: Comparable {
    /// An order that is the same in every run; shorter intervals come first.
    package static func < (left: CandleKey, right: CandleKey) -> Bool {
        if left.interval != right.interval { return left.interval.rawValue < right.interval.rawValue }
        if left.start != right.start { return left.start < right.start }
        return (left.source, left.instrument.venue, left.instrument.symbol)
            < (right.source, right.instrument.venue, right.instrument.symbol)
    }
}
