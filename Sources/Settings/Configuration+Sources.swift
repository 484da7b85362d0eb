extension Configuration {
    /// Where live data comes from.
    package struct Source: Equatable, Sendable {
        /// The venues that are spoken to.
        package enum Venue: String, CaseIterable, Sendable {
            case binance
            case binanceUSDM = "binance-usdm"
            case coinbase
            case kraken
            case bybitSpot = "bybit-spot"
            case bybitLinear = "bybit-linear"
        }

        /// The venues that are asked over REST.
        package enum PollVenue: String, CaseIterable, Sendable {
            case alphavantage
            case binance
            case coinbase
            case kraken
            case yahoo
        }

        /// The lengths of bars that are asked for.
        package enum BarLength: String, CaseIterable, Sendable {
            case minute = "1m"
            case fiveMinutes = "5m"
            case hour = "1h"
            case day = "1d"
        }

        /// How data comes.
        package enum Feed: Equatable, Sendable {
            /// Over connections that stand.
            ///
            /// - Parameter restURL: where what was missed is asked for; nil for the venue's own server.
            case websocket(Venue, restURL: String?)
            /// By asking again and again.
            ///
            /// - Parameter keyFile: the file with the key that the venue wants; a relative path was completed.
            case poll(PollVenue, every: Duration, bars: BarLength, keyFile: String?)

            /// The venue as the file calls it.
            package var venueName: String {
                switch self {
                case .websocket(let venue, _): venue.rawValue
                case .poll(let venue, _, _, _): venue.rawValue
                }
            }
        }

        /// What becomes of messages that a full tape does not take.
        package enum WhenFull: String, CaseIterable, Sendable {
            /// They wait, and so does the venue.
            case block
            /// They are dropped, and become a gap.
            case drop
        }

        /// The name, which nothing else is filed under.
        package var name: String
        package var feed: Feed
        /// In the venue's own spelling.
        package var symbols: [String]
        /// Without repetitions.
        package var events: [MarketDataKind]
        /// Another server than the venue's own.
        package var url: String?
        /// What instruments are filed under; nil for the usual name of the venue.
        package var venueName: String?
        package var whenFull: WhenFull
        /// The most bytes that its tape may have.
        package var tapeBytes: Int64
        package var durability: Durability
        /// The instance that takes it; nil for whichever it falls to.
        package var instance: String?

        /// How often a venue is asked where nobody says it.
        package static let everyDefault: Duration = .seconds(60)
        /// 8 GB: two hours at 10,000 messages of 100 bytes a second.
        package static let tapeBytesDefault: Int64 = 8_000_000_000
    }

    /// Where files come from: market data, or tickets.
    package struct Files: Equatable, Sendable {
        /// How they come.
        package enum Kind: String, CaseIterable, Sendable {
            /// Complete, into a folder.
            case spool
            /// By growing.
            case tail
        }

        /// The name, which nothing else is filed under.
        package var name: String
        package var kind: Kind
        /// The folder, or the file; a relative path was completed with the configuration's folder.
        package var path: String
        /// The format; nil for what the first lines look like.
        package var format: String?
        /// Which fields of the file mean what, for formats that do not say.
        package var map: String?
        /// The symbol, where the file names none.
        package var symbol: String?
        /// What instruments are filed under; nil for what is usual for the format.
        package var venueName: String?
        package var durability: Durability
        /// The instance that takes it; nil for whichever it falls to.
        package var instance: String?
    }

    /// What MongoDB confirms of a source's data before it counts as stored.
    package enum Durability: String, CaseIterable, Sendable {
        /// A majority has it in its journal.
        case strict
        /// A majority has it in memory.
        case fast
        /// The primary has it in memory.
        case development
    }

    /// How the daemon works.
    package struct Service: Equatable, Sendable {
        /// The folder that tapes are in; a relative path was completed with the configuration's folder.
        package var state: String?
        /// How often market data is compacted; nil for never.
        package var compactEvery: Duration?
        /// How many bytes of blocks compaction may take per second.
        package var compactPace: Int64?
        /// The name of this daemon among those that share sources; nil where none are shared.
        package var instance: String?
        /// How long a lease of a source lasts: so soon at the latest another instance takes over.
        package var lease: Duration?

        /// Three seconds: a takeover within five, and a pause of a second harms nobody.
        package static let leaseDefault: Duration = .seconds(3)
        /// Where tapes are without a word about it.
        package static let stateDefault = "/var/lib/tapedesk"
        /// A million bytes: what ingest beside it does not notice.
        package static let compactPaceDefault: Int64 = 1_000_000

        /// The default folder, no compaction.
        package init() {}
    }
}
