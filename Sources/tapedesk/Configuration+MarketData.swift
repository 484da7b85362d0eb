import MarketData
import Settings
import TickStore

extension Configuration.MarketDataKind {
    var eventKind: EventKind {
        switch self {
        case .trade: .trade
        case .quote: .quote
        case .candle: .candle
        }
    }
}

extension Configuration.Retention {
    var policy: RetentionPolicy {
        RetentionPolicy(
            rules: rules.map { RetentionRule(venue: $0.venue, kind: $0.kind.eventKind, keep: $0.keep) }
        )
    }

    /// Where documents are copied to before their events are deleted; nil for nowhere.
    var archiveFolder: ArchiveFolder? { archive.map(ArchiveFolder.init(path:)) }
}
