import Testing

@testable import Feeds

@Suite("Format detection")
struct FormatDetectionTests {
    @Test(
        "First lines",
        arguments: [
            ("1723161255088169167 {\"stream\":1}\n", "x", FormatName.binanceRecorder),
            ("{\"t\":\"header\",\"format\":2,\"exchange\":\"KRAKEN\"}\n", "x", .cryptofeed),
            ("{\"conn\":\"A\",\"ts\":1.5,\"t\":\"recv\",\"data\":\"\"}\n", "x", .cryptofeed),
            ("{\"t\":\"trade\",\"price\":1}\n", "x", .ndjson),
            ("\u{FEFF}\r\n{\"price\":1}", "x", .ndjson),
            ("14417034,1674200,210,Q,2000,0\n", "x", .leanTrade),
            ("14417034,1674200,210,Q,2000,0", "20131008_spy_Trade_Tick.csv", .leanTrade),
            ("14400521,475000,200,0,0,P,1,0\n", "x", .leanQuote),
            ("17007,1.39147,1.39148\r\n", "x", .leanForexQuote),
            ("[[1509836520000, 0.1, 0.2, 0.1, 0.2, 5]]", "x", .freqtrade),
            ("{\n \"Meta Data\": {},\n \"Time Series (1min)\": {}\n}", "x", .alphaVantage),
            ("{\"Global Quote\": {}}", "x", .alphaVantage),
            ("[\n  [\n    1509836520000, 1,2,1,2,5\n  ]\n]", "x", .freqtrade),
            ("time,price,size\n1,2,3\n", "x", .csv),
            ("time;price;size\n1;2;3\n", "x", .csv),
            ("\"time\",\"price\"\n", "x", .csv),
            ("id,title,price\n1,2,3\n", "x", .csv),
            ("{\"ticket\":\"A\",\"sequence\":1,\"type\":\"comment\"}\n", "x", .ticketEvents),
            ("number,state,sys_mod_count\nINC1,New,0\n", "x", .serviceNowCSV),
            ("\u{FEFF}number;sys_mod_count\r\nINC1;0\r\n", "x", .serviceNowCSV),
            ("Ticket ID,Subject\n1,s\n", "x", .ticketsCSV),
            ("subject;\"ticket_number\"\n", "x", .ticketsCSV),
            ("[\n{\n\"url\": \"u\",\n\"requester_id\": 1\n}\n]\n", "x", .zendeskJSON),
            ("{\"tickets\":[{\"url\":\"u\",\"requester_id\":1}]}", "x", .zendeskJSON),
            ("{\"url\":\"u\",\"id\":1,\"requester_id\":1}\n", "x", .zendeskJSON),
        ]
    )
    func lines(text: String, name: String, format: FormatName) throws {
        let guess = try FormatDetection.detect(head: Array(text.utf8), name: name)
        #expect(guess.format == format)
        #expect(!guess.reason.isEmpty)
    }

    @Test(
        "What fits nothing is refused with the list of formats",
        arguments: [
            "", "\n\n", "hello\n", "[[1,2]]", "{\n", "1,2\n", "1,2,3,4,5,6,7\n", "\u{1}\u{2},x\n", "a,,b\n", "123 {}\n",
            "1,2,x\n",
        ]
    )
    func unknown(text: String) {
        do throws(InputError) {
            let guess = try FormatDetection.detect(head: Array(text.utf8), name: "file")
            Issue.record("taken for \(guess.format)")
        } catch {
            #expect(error.code == .unsupported)
            #expect(error.message.hasPrefix("file: "))
            for format in FormatName.allCases { #expect(error.message.contains(format.rawValue)) }
        }
    }

    @Test("Rows whose name says something else are not guessed")
    func contradiction() {
        let row = Array("17007,1.39147,1.39148\n".utf8)
        #expect(throws: InputError.self) {
            try FormatDetection.detect(head: row, name: "20140508_eurusd_tick_trade.csv")
        }
    }

    @Test(
        "Recordings",
        .enabled(if: Recordings.arePresent, Recordings.absence),
        arguments: [
            ("binance/spot_btcusdt_20240808.gz", FormatName.binanceRecorder),
            ("binance/usdm_btcusdt_20240808.gz", .binanceRecorder),
            ("venues/BITFINEX.jsonl.zst", .cryptofeed), ("venues/BYBIT.jsonl.zst", .cryptofeed),
            ("venues/COINBASE.jsonl.zst", .cryptofeed), ("venues/GEMINI.jsonl.zst", .cryptofeed),
            ("venues/KRAKEN.jsonl.zst", .cryptofeed), ("venues/KUCOIN.jsonl.zst", .cryptofeed),
            ("venues/PHEMEX.jsonl.zst", .cryptofeed),
            ("equity/lean-spy-20131008-trade.zip", .leanTrade), ("equity/lean-aig-20131009-quote.zip", .leanQuote),
            ("forex/lean-fxcm-eurusd-20140508-quote.zip", .leanForexQuote),
            ("candles/ELCO-L-1d-bad-div.csv", .csv), ("candles/NVT-L-1d-bad-div.csv", .csv),
            ("candles/freqtrade-btc-1m.json", .freqtrade),
            ("rest/alpha-vantage/time_series_intraday.json", .alphaVantage),
            ("rest/alpha-vantage/global_quote.json", .alphaVantage),
        ]
    )
    func recordings(path: String, format: FormatName) throws {
        #expect(try FormatDetection.detect(TapeInput.open(path: Recordings.folder + "/" + path)).format == format)
        #expect(!format.isTickets)
    }

    @Test(
        "Recordings of tickets",
        .enabled(if: TicketRecordings.arePresent, TicketRecordings.absence),
        arguments: [
            ("servicenow-incident-events.csv", FormatName.serviceNowCSV), ("zendesk-tickets.json", .zendeskJSON),
            ("customer-support-tickets.csv", .ticketsCSV),
        ]
    )
    func tickets(name: String, format: FormatName) throws {
        let input = try TapeInput.open(path: TicketRecordings.folder + "/" + name)
        #expect(try FormatDetection.detect(input).format == format)
        #expect(try TicketFormats.format(named: format, for: input).name == format.rawValue)
        #expect(format.isTickets)
        #expect(throws: InputError.self) { try TicketFormats.format(named: .csv, for: input) }
    }

    @Test(
        "Recordings that are no records",
        .enabled(if: Recordings.arePresent, Recordings.absence),
        arguments: ["rest/kraken-rest-trades.json"]
    )
    func documents(path: String) throws {
        let input = try TapeInput.open(path: Recordings.folder + "/" + path)
        #expect(throws: InputError.self) { try FormatDetection.detect(input) }
    }
}
