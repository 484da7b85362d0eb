import DocumentStore
import MarketData

/// The trades of one source in one hour, as far as bars are made of them.
struct CandleHour: Equatable, Sendable {
    let source: String
    let instrument: Instrument
    /// The start of the hour, in nanoseconds.
    let start: Int64
    /// The tape position of the last trade of the hour.
    var appliedThrough: Int64
    /// Whether all of its trades are sealed.
    var isSealed: Bool

    /// What messages call it.
    var name: String { "\(source)|\(EventKind.trade.name)|\(instrument)|\(start)" }

    /// The hours that documents of one lane hold trades of, by start.
    static func hours(of outlines: [BucketOutline], source: String, _ instrument: Instrument) -> [CandleHour] {
        var hours: [Int64: CandleHour] = [:]
        for outline in outlines {
            let isSealed = (outline.isSealed || outline.state.eventCount == 0) && outline.quarantined == nil
            for window in outline.coveredWindows {
                var hour =
                    hours[window.start]
                    ?? CandleHour(
                        source: source,
                        instrument: instrument,
                        start: window.start,
                        appliedThrough: .min,
                        isSealed: true
                    )
                hour.appliedThrough = max(hour.appliedThrough, window.appliedThrough)
                hour.isSealed = hour.isSealed && isSealed
                hours[window.start] = hour
            }
        }
        return hours.values.sorted { $0.start < $1.start }
    }
}

/// Which bars of an instrument are final, and up to where: what its bars of hours and days say.
struct CandleMarks: Sendable {
    private var hours: [Key: CandleIndex.Entry] = [:]
    private var days: [Key: CandleIndex.Entry] = [:]

    private struct Key: Hashable {
        let source: String
        let start: Int64
    }

    init(_ entries: [CandleIndex.Entry]) {
        for entry in entries {
            let key = Key(source: entry.source, start: entry.start)
            if entry.interval == .day { days[key] = entry } else { hours[key] = entry }
        }
    }

    /// - Throws: `StoreError`.
    static func load(_ writer: VersionedWriter, _ instrument: Instrument) async throws(StoreError) -> CandleMarks {
        CandleMarks(try await CandleIndex.load(writer, instrument, [.hour, .day]))
    }

    /// Whether the bars of an hour are final, with all of its trades.
    func isFinal(_ hour: CandleHour) -> Bool {
        guard let entry = hours[Key(source: hour.source, start: hour.start)] else { return false }
        return entry.isFinal && entry.appliedThrough == hour.appliedThrough
    }

    /// Whether the bar of a day is final, with all of its hours.
    func isDayFinal(_ source: String, _ start: Int64, _ hours: [CandleHour]) -> Bool {
        guard let entry = days[Key(source: source, start: start)] else { return false }
        let versions = hours.reduce(0) { $0 + (self.hours[Key(source: source, start: $1.start)]?.version ?? 0) }
        return entry.isFinal && entry.hourVersions == versions
    }

    /// Whether the bars of all trades of a document are final; other kinds of events make no bars.
    ///
    /// A later part of a window may hold more trades than the bars have: that is the later part's affair.
    func areFinal(of outline: BucketOutline) -> Bool {
        guard outline.kind == .trade else { return true }
        return outline.coveredWindows.allSatisfy { window in
            guard let entry = hours[Key(source: outline.source, start: window.start)] else { return false }
            return entry.isFinal && entry.appliedThrough >= window.appliedThrough
        }
    }
}
