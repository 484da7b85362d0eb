import ArgumentParser
import Console
import Feeds
import MarketData

/// What a recording is, as far as it does not say so itself.
struct FormatOptions: ParsableArguments {
    @Option(
        name: .customLong("format"),
        help: ArgumentHelp("Format; guessed from the first lines where it is not given.", valueName: "name")
    )
    var name: FormatName?

    @Option(
        help: ArgumentHelp(
            "Fields of ndjson and csv: symbol=product_id,price=price,size=size,time=time,… (also sequence, id, side, "
                + "receipt, stream; bid_price, bid_size, ask_price, ask_size; open, high, low, close, volume, "
                + "interval).",
            valueName: "meaning=field,…"
        )
    )
    var map: String?

    @Option(help: "Venue of the instruments.") var venue: String?
    @Option(help: "Symbol, where the recording does not name one.") var symbol: String?
    @Option(help: "Trading day, where the file name does not say it: 2013-10-08.") var date: String?
    @Option(help: "Time zone of lean formats.") var tz = LeanFormat.defaultTimeZone

    func validate() throws {
        if let date, CalendarDate(parsing: date) == nil {
            throw ValidationError("--date takes a day such as 2013-10-08")
        }
        if let venue, venue.isEmpty || venue.contains(":") {
            throw ValidationError("--venue takes a name without a colon")
        }
    }

    /// What a recording turned out to hold.
    enum Recording {
        case market(Tape)
        case tickets(any TicketFormat, source: String)
    }

    /// A format that is ready to decode, and the venue that it files instruments under.
    struct Tape {
        let format: any RecordFormat
        let venue: String
        /// What decides the meaning of the records beside the format.
        var details: [String] = []

        /// The same text whenever a recording is decoded in the same way.
        var decoding: String { ([format.name, venue] + details).joined(separator: " ") }
    }

    /// Finds out how an opened recording is to be read, saying so where it is a guess.
    ///
    /// - Throws: `InputError`, `MappingError`, `UnknownVenueError`.
    func resolve(_ input: TapeInput) throws -> Recording {
        let name = try name ?? guess(input)
        guard name.isTickets else { return .market(try tape(name, input)) }
        let mapping = name == .ticketsCSV ? try map.map { try TicketMapping(parsing: $0) } : nil
        return .tickets(try TicketFormats.format(named: name, for: input, mapping: mapping), source: name.ticketSource)
    }

    private func tape(_ name: FormatName, _ input: TapeInput) throws -> Tape {
        switch name {
        case .binanceRecorder:
            let venue = venue ?? "BINANCE"
            return Tape(format: BinanceRecorderFormat(venue: venue), venue: venue)
        case .cryptofeed: return try cryptofeed(input)
        case .leanTrade: return try lean(.equityTrade, input)
        case .leanQuote: return try lean(.equityQuote, input)
        case .leanForexQuote: return try lean(.forexQuote, input)
        case .freqtrade: return try freqtrade(input)
        case .alphaVantage:
            let venue = venue ?? "ALPHAVANTAGE"
            return Tape(format: BodyFormat(name, AlphaVantageDialect.self, venue: venue), venue: venue)
        case .ndjson:
            let venue = venue ?? "FILE"
            let mapping = try map.map { try FieldMapping(parsing: $0) } ?? FieldMapping(fieldsNamed: jsonKeys(input))
            try requireSymbol(mapping, input)
            let format = NDJSONFormat(mapping: mapping, venue: venue, symbol: symbol)
            return Tape(format: format, venue: venue, details: details(mapping))
        case .csv:
            let venue = venue ?? "FILE"
            let line = firstLine(input)
            let mapping =
                try map.map { try FieldMapping(parsing: $0) }
                ?? FieldMapping(fieldsNamed: CSVFormat.columnTitles(of: line))
            try requireSymbol(mapping, input)
            let format = try CSVFormat(mapping: mapping, firstLine: line, venue: venue, symbol: symbol)
            return Tape(format: format, venue: venue, details: details(mapping))
        case .tape:
            let format = try TapeFormat(input, venue: venue)
            return Tape(format: format, venue: venue ?? format.header.venue)
        case .ticketEvents, .serviceNowCSV, .zendeskJSON, .ticketsCSV:
            throw InputError(.unsupported, "\(input.path): \(name.rawValue) holds tickets")
        }
    }

    private func guess(_ input: TapeInput) throws -> FormatName {
        let detection = try FormatDetection.detect(input)
        Terminal.error("\(input.name): format \(detection.format.rawValue), guessed: \(detection.reason)")
        return detection.format
    }

    private func cryptofeed(_ input: TapeInput) throws -> Tape {
        guard let exchange = input.head.withUnsafeBytes({ CryptofeedFormat.exchange(inFirstLine: $0) }) else {
            throw InputError(
                .unsupported,
                "\(input.path): its first line is no header with an exchange; is it a cryptofeed recording?"
            )
        }
        return Tape(format: try CryptofeedFormat(venue: venue, exchange: exchange), venue: venue ?? exchange)
    }

    private func lean(_ layout: LeanFormat.Layout, _ input: TapeInput) throws -> Tape {
        let venue = venue ?? "LEAN"
        let format = try LeanFormat(
            layout: layout,
            venue: venue,
            input: input,
            symbol: symbol,
            date: date.flatMap(CalendarDate.init(parsing:)),
            zone: TimeZoneRules(named: tz)
        )
        let instrument = format.instrument.symbol
        return Tape(format: format, venue: venue, details: [instrument, "\(format.date)", tz])
    }

    private func freqtrade(_ input: TapeInput) throws(InputError) -> Tape {
        guard let symbol else {
            throw InputError(.unsupported, "\(input.path): nothing in it names the symbol: give --symbol")
        }
        let instrument = Instrument(venue: venue ?? "FREQTRADE", symbol: symbol)
        let format = FreqtradeFormat(instrument: instrument, fileName: input.name)
        return Tape(format: format, venue: instrument.venue, details: [symbol, "\(format.interval)"])
    }

    /// Refuses a mapping that would reject every record.
    private func requireSymbol(_ mapping: FieldMapping, _ input: TapeInput) throws(InputError) {
        guard mapping.names[.symbol] == nil, symbol == nil else { return }
        throw InputError(
            .unsupported,
            "\(input.path): nothing names the symbol: add symbol=FIELD to --map, or give --symbol"
        )
    }

    private func details(_ mapping: FieldMapping) -> [String] {
        [mapping.description] + (symbol.map { ["symbol:" + $0] } ?? [])
    }

    private func firstLine(_ input: TapeInput) -> String {
        var line = input.head.prefix { $0 != UInt8(ascii: "\n") }
        if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
        return String(decoding: line, as: UTF8.self)
    }

    private func jsonKeys(_ input: TapeInput) throws -> [String] {
        var line = Array(firstLine(input).utf8)
        let count = line.count
        line.append(contentsOf: repeatElement(0, count: Slab.padding))
        let tokenizer = JSONTokenizer()
        return try line.withUnsafeBytes { bytes in
            let text = UnsafeRawBufferPointer(rebasing: bytes[..<count])
            return try tokenizer.tokenize(text, depthMax: 0).root.elements.map {
                String(decoding: $0.key, as: UTF8.self)
            }
        }
    }
}

extension FormatName {
    /// The system that tickets of the format come from, where nobody says it.
    fileprivate var ticketSource: String {
        switch self {
        case .serviceNowCSV: "servicenow"
        case .zendeskJSON: "zendesk"
        case .ticketsCSV: "csv"
        default: "events"
        }
    }
}
