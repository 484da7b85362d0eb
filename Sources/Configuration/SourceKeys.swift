import Yams

extension Configuration.Service {
    /// The keys of the section `service`.
    static var keys: [ConfigurationKey<Self>] {
        [
            .path("state", \.state), .duration("compact_every", \.compactEvery),
            .bytes("compact_pace", \.compactPace),
        ]
    }
}

extension Configuration.Source {
    /// Reads the list `sources`.
    static func readAll(
        _ reader: inout ConfigurationReader,
        _ list: ConfigurationReader.Entry
    ) -> [Configuration.Source] {
        var sources: [Configuration.Source] = []
        for element in reader.elements(of: list, example: "{ name: spot, venue: binance, symbols: [BTCUSDT] }") {
            guard let source = SourceDraft.read(&reader, element) else { continue }
            if sources.contains(where: { $0.name == source.name }) {
                reader.report(element.key, "there is another source '\(source.name)': names tell their data apart")
                continue
            }
            sources.append(source)
        }
        return sources
    }
}

/// A source while it is read.
private struct SourceDraft {
    var name: String?
    var kind: Kind?
    var venue: Configuration.Source.Venue?
    var symbols: [String] = []
    var events: [Configuration.MarketDataKind]?
    var url: String?
    var venueName: String?
    var whenFull: Configuration.Source.WhenFull?
    var tapeBytes: Int64?

    /// How data comes.
    enum Kind: String, CaseIterable {
        case websocket
    }

    private static let symbolsMax = 10_000
    private static let nameBytesMax = 100
    /// Less would be full before MongoDB has confirmed anything.
    private static let tapeBytesMin: Int64 = 1_000_000

    private static var keys: [ConfigurationKey<Self>] {
        [
            ConfigurationKey("name") { reader, entry, draft in draft.name = readName(&reader, entry) },
            .choice("kind", "kind of source", \.kind), .choice("venue", "venue", \.venue),
            ConfigurationKey("symbols") { reader, entry, draft in draft.symbols = readSymbols(&reader, entry) },
            ConfigurationKey("events") { reader, entry, draft in draft.events = readEvents(&reader, entry) },
            ConfigurationKey("url") { reader, entry, draft in draft.url = readAddress(&reader, entry) },
            .text("venue_name", \.venueName), .choice("when_full", "policy", \.whenFull),
            .bytes("tape_bytes", \.tapeBytes),
        ]
    }

    static func read(
        _ reader: inout ConfigurationReader,
        _ element: ConfigurationReader.Entry
    ) -> Configuration.Source? {
        guard let draft = reader.whole(element, keys, into: SourceDraft()) else { return nil }
        guard let venue = draft.venue, !draft.symbols.isEmpty else {
            reader.report(element.key, "a source of '\(element.path)' needs both 'venue' and 'symbols'")
            return nil
        }
        let tapeBytes = draft.tapeBytes ?? Configuration.Source.tapeBytesDefault
        guard tapeBytes >= tapeBytesMin else {
            reader.report(element.key, "'tape_bytes' is at least \(tapeBytesMin / 1_000_000)MB")
            return nil
        }
        return Configuration.Source(
            name: draft.name ?? venue.rawValue,
            venue: venue,
            symbols: draft.symbols,
            events: draft.events ?? [.trade, .quote],
            url: draft.url,
            venueName: draft.venueName,
            whenFull: draft.whenFull ?? .block,
            tapeBytes: tapeBytes
        )
    }

    /// A name that is the name of a folder as well.
    private static func readName(_ reader: inout ConfigurationReader, _ entry: ConfigurationReader.Entry) -> String? {
        guard let text = reader.text(entry) else { return nil }
        let isPlain = text.utf8.allSatisfy {
            (48...57).contains($0) || (65...90).contains($0 & 0xDF) || [45, 46, 95].contains($0)
        }
        guard isPlain, !text.hasPrefix("."), text.utf8.count <= nameBytesMax else {
            reader.report(entry.value, "'\(entry.path)' takes letters, digits, '-', '_' and '.', such as binance-spot")
            return nil
        }
        return text
    }

    private static func readSymbols(
        _ reader: inout ConfigurationReader,
        _ list: ConfigurationReader.Entry
    ) -> [String] {
        var symbols: [String] = []
        for element in reader.elements(of: list, example: "BTCUSDT") {
            guard let symbol = reader.text(element) else { continue }
            if symbols.contains(symbol) {
                reader.report(element.value, "\(ShownText.quoted(symbol)) stands in '\(list.path)' twice")
            }
            symbols.append(symbol)
        }
        if symbols.count > symbolsMax {
            reader.report(list.key, "'\(list.path)' takes \(symbolsMax) symbols; make several sources")
        }
        return symbols
    }

    private static func readEvents(
        _ reader: inout ConfigurationReader,
        _ list: ConfigurationReader.Entry
    ) -> [Configuration.MarketDataKind]? {
        let mistakesBefore = reader.mistakes.count
        let elements = reader.elements(of: list, example: "trade")
        let events: [Configuration.MarketDataKind] = elements.compactMap { reader.choice($0, "event") }
        if events.isEmpty, reader.mistakes.count == mistakesBefore {
            reader.report(list.key, "'\(list.path)' asks for nothing: name trade, quote or candle")
        }
        return Configuration.MarketDataKind.allCases.filter(events.contains)
    }

    private static func readAddress(
        _ reader: inout ConfigurationReader,
        _ entry: ConfigurationReader.Entry
    ) -> String? {
        guard let text = reader.text(entry) else { return nil }
        guard text.hasPrefix("wss://") || text.hasPrefix("ws://"), !text.contains("@") else {
            reader.report(entry.value, "'\(entry.path)' takes an address such as wss://stream.example.com:9443")
            return nil
        }
        return text
    }
}
