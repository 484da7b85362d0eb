import Yams

extension Configuration.Service {
    /// The keys of the section `service`.
    static var keys: [ConfigurationKey<Self>] {
        [
            .path("state", \.state), .duration("compact_every", \.compactEvery),
            .bytes("compact_pace", \.compactPace),
            ConfigurationKey("instance") { reader, entry, section in section.instance = reader.plainName(entry) },
            ConfigurationKey("lease") { reader, entry, section in
                guard let lease = reader.duration(entry) else { return }
                guard leaseBounds.contains(lease) else {
                    return reader.report(entry.value, "'service.lease' takes from 1s to 5m")
                }
                section.lease = lease
            },
        ]
    }

    private static var leaseBounds: ClosedRange<Duration> { .seconds(1) ... .seconds(300) }
}

extension Configuration.Source {
    /// Reads the list `sources`: those that are recorded, and files.
    static func readAll(
        _ reader: inout ConfigurationReader,
        _ list: ConfigurationReader.Entry
    ) -> ([Configuration.Source], [Configuration.Files]) {
        var sources: [Configuration.Source] = []
        var files: [Configuration.Files] = []
        var names: Set<String> = []
        for element in reader.elements(of: list, example: "{ name: spot, venue: binance, symbols: [BTCUSDT] }") {
            guard let source = SourceDraft.read(&reader, element) else { continue }
            guard names.insert(source.name).inserted else {
                reader.report(element.key, "there is another source '\(source.name)': names tell their data apart")
                continue
            }
            switch source {
            case .recorded(let source): sources.append(source)
            case .files(let source): files.append(source)
            }
        }
        return (sources, files)
    }
}

/// What an element of the list turned out to be.
private enum AnySource {
    case recorded(Configuration.Source)
    case files(Configuration.Files)

    var name: String {
        switch self {
        case .recorded(let source): source.name
        case .files(let source): source.name
        }
    }
}

/// A source while it is read.
private struct SourceDraft {
    var name: String?
    var kind: Kind?
    var venue: ConfigurationReader.Entry?
    var every: Duration?
    var bars: Configuration.Source.BarLength?
    var keyFile: String?
    var restURL: String?
    var path: String?
    var format: String?
    var map: String?
    var symbol: String?
    var symbols: [String] = []
    var events: [Configuration.MarketDataKind]?
    var url: ConfigurationReader.Entry?
    var venueName: String?
    var whenFull: Configuration.Source.WhenFull?
    var tapeBytes: Int64?
    var durability: Configuration.Durability?
    var instance: String?

    /// How data comes.
    enum Kind: String, CaseIterable {
        case websocket
        case poll
        case spool
        case tail

        /// The kind of files; nil for what is recorded.
        var files: Configuration.Files.Kind? { Configuration.Files.Kind(rawValue: rawValue) }
    }

    private static let symbolsMax = 10_000
    /// Less would be full before MongoDB has confirmed anything.
    private static let tapeBytesMin: Int64 = 1_000_000

    /// The keys of a kind of source: what another kind has is as unknown as what none has.
    private static func keys(of kind: Kind) -> [ConfigurationKey<Self>] {
        switch kind {
        case .websocket:
            common + recorded + [
                ConfigurationKey("rest_url") { reader, entry, draft in
                    draft.restURL = readAddress(&reader, entry, schemes: ["https", "http"])
                }
            ]
        case .poll:
            common + recorded + [
                .duration("every", \.every), .choice("interval", "interval", \.bars), .path("key_file", \.keyFile),
            ]
        case .spool, .tail:
            common + [
                .path("path", \.path), .text("format", \.format), .text("map", \.map), .text("symbol", \.symbol),
            ]
        }
    }

    private static var common: [ConfigurationKey<Self>] {
        [
            ConfigurationKey("name") { reader, entry, draft in draft.name = reader.plainName(entry) },
            .choice("kind", "kind of source", \.kind), .text("venue_name", \.venueName),
            .choice("durability", "level of durability", \.durability),
            ConfigurationKey("instance") { reader, entry, draft in draft.instance = reader.plainName(entry) },
        ]
    }

    private static var recorded: [ConfigurationKey<Self>] {
        [
            ConfigurationKey("venue") { _, entry, draft in draft.venue = entry },
            ConfigurationKey("symbols") { reader, entry, draft in draft.symbols = readSymbols(&reader, entry) },
            ConfigurationKey("events") { reader, entry, draft in draft.events = readEvents(&reader, entry) },
            ConfigurationKey("url") { _, entry, draft in draft.url = entry },
            .choice("when_full", "policy", \.whenFull), .bytes("tape_bytes", \.tapeBytes),
        ]
    }

    static func read(
        _ reader: inout ConfigurationReader,
        _ element: ConfigurationReader.Entry
    ) -> AnySource? {
        // A kind that there is not is said when its key is read.
        let kind = element.value.mapping?["kind"]?.scalar.flatMap { Kind(rawValue: $0.string) } ?? .websocket
        guard let draft = reader.whole(element, keys(of: kind), into: SourceDraft()) else { return nil }
        guard let files = kind.files else { return draft.readRecorded(&reader, element).map(AnySource.recorded) }
        return draft.readFiles(files, &reader, element).map(AnySource.files)
    }

    private func readFiles(
        _ kind: Configuration.Files.Kind,
        _ reader: inout ConfigurationReader,
        _ element: ConfigurationReader.Entry
    ) -> Configuration.Files? {
        guard let name, let path else {
            reader.report(element.key, "a source of 'kind: \(kind.rawValue)' needs 'name' and 'path'")
            return nil
        }
        return Configuration.Files(
            name: name,
            kind: kind,
            path: path,
            format: format,
            map: map,
            symbol: symbol,
            venueName: venueName,
            durability: durability ?? .strict,
            instance: instance
        )
    }

    private func readRecorded(
        _ reader: inout ConfigurationReader,
        _ element: ConfigurationReader.Entry
    ) -> Configuration.Source? {
        let draft = self
        let mistakesBefore = reader.mistakes.count
        guard draft.venue != nil, !draft.symbols.isEmpty else {
            reader.report(element.key, "a source of '\(element.path)' needs both 'venue' and 'symbols'")
            return nil
        }
        let feed = draft.readFeed(&reader)
        let schemes = draft.kind == .poll ? ["https", "http"] : ["wss", "ws"]
        let url = draft.url.flatMap { Self.readAddress(&reader, $0, schemes: schemes) }
        let tapeBytes = draft.tapeBytes ?? Configuration.Source.tapeBytesDefault
        if tapeBytes < Self.tapeBytesMin {
            reader.report(element.key, "'tape_bytes' is at least \(Self.tapeBytesMin / 1_000_000)MB")
        }
        guard let feed, reader.mistakes.count == mistakesBefore else { return nil }
        return Configuration.Source(
            name: draft.name ?? feed.venueName,
            feed: feed,
            symbols: draft.symbols,
            events: draft.events ?? feed.eventsDefault,
            url: url,
            venueName: draft.venueName,
            whenFull: draft.whenFull ?? .block,
            tapeBytes: tapeBytes,
            durability: draft.durability ?? .strict,
            instance: draft.instance
        )
    }

    /// The venue, among those of the kind of source.
    private func readFeed(_ reader: inout ConfigurationReader) -> Configuration.Source.Feed? {
        guard let venue else { return nil }
        switch kind ?? .websocket {
        case .websocket, .spool, .tail:
            let venue: Configuration.Source.Venue? = reader.choice(venue, "venue")
            return venue.map { .websocket($0, restURL: restURL) }
        case .poll:
            let venue: Configuration.Source.PollVenue? = reader.choice(venue, "venue")
            let every = self.every ?? Configuration.Source.everyDefault
            return venue.map { .poll($0, every: every, bars: bars ?? .minute, keyFile: keyFile) }
        }
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
        _ entry: ConfigurationReader.Entry,
        schemes: [String]
    ) -> String? {
        guard let text = reader.text(entry) else { return nil }
        guard schemes.contains(where: { text.hasPrefix($0 + "://") }), !text.contains("@") else {
            let example = "\(schemes.first ?? "")://stream.example.com:9443"
            reader.report(entry.value, "'\(entry.path)' takes an address such as \(example)")
            return nil
        }
        return text
    }
}

extension Configuration.Source.Feed {
    /// What is asked for where nobody says it.
    fileprivate var eventsDefault: [Configuration.MarketDataKind] {
        switch self {
        case .websocket: [.trade, .quote]
        case .poll(.kraken, _, _, _), .poll(.coinbase, _, _, _): [.trade]
        case .poll: [.candle]
        }
    }
}
