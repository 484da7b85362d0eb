/// What a venue has played: what a recording of it is compared with.
struct SentRecord: Sendable {
    /// Trades and quotes of one symbol.
    struct Tally: Sendable {
        let symbol: String
        /// Of trades, sent or skipped; nil before the first one.
        fileprivate(set) var firstID: UInt64?
        fileprivate(set) var lastID: UInt64?
        fileprivate(set) var trades = 0
        fileprivate(set) var quotes = 0
        fileprivate(set) var skipped = 0
        fileprivate(set) var skippedIDs: [UInt64] = []

        fileprivate init(symbol: String) {
            self.symbol = symbol
        }
    }

    /// How many ids of skipped trades are kept, over all symbols; beyond, they are only counted.
    private static let skippedIDsMax = 100_000
    private static let idsPerLine = 100

    private(set) var tallies: [Tally]
    private var skippedIDs = 0
    /// How long was played, in milliseconds.
    var milliseconds: Int64 = 0
    /// How late a batch left at most, in milliseconds.
    var latestMilliseconds: Int64 = 0
    var clients = 0
    /// How often all connections were cut.
    var cuts = 0
    var slowClients = 0
    var ticketFiles = 0
    var ticketEvents = 0

    init(symbols: [String]) {
        tallies = symbols.map { Tally(symbol: $0) }
    }

    /// Trades and quotes that were sent.
    var events: Int { tallies.reduce(0) { $0 + $1.trades + $1.quotes } }

    mutating func add(_ trade: PlayedTrade) {
        tallies[trade.instrument].trades += 1
        note(trade)
    }

    mutating func skip(_ trade: PlayedTrade) {
        tallies[trade.instrument].skipped += 1
        if skippedIDs < Self.skippedIDsMax {
            skippedIDs += 1
            tallies[trade.instrument].skippedIDs.append(trade.id)
        }
        note(trade)
    }

    mutating func addQuote(of instrument: Int) {
        tallies[instrument].quotes += 1
    }

    private mutating func note(_ trade: PlayedTrade) {
        if tallies[trade.instrument].firstID == nil { tallies[trade.instrument].firstID = trade.id }
        tallies[trade.instrument].lastID = trade.id
    }

    // MARK: Writing

    /// Writes the record as JSON.
    func write(to path: String) throws(OutputError) {
        var file = try OutputFile(path: path)
        let trades = tallies.reduce(0) { $0 + $1.trades }
        let skipped = tallies.reduce(0) { $0 + $1.skipped }
        for line in [
            "{",
            #"  "milliseconds": \#(milliseconds), "latest_ms": \#(latestMilliseconds),"#,
            #"  "events": \#(events), "trades": \#(trades), "quotes": \#(events - trades), "skipped": \#(skipped),"#,
            #"  "clients": \#(clients), "cuts": \#(cuts), "slow_clients": \#(slowClients),"#,
            #"  "ticket_files": \#(ticketFiles), "ticket_events": \#(ticketEvents),"#,
            #"  "symbols": ["#,
        ] {
            try write(line, to: &file)
        }
        for (index, tally) in tallies.enumerated() {
            try write(tally, isLast: index == tallies.count - 1, to: &file)
        }
        try write("  ]", to: &file)
        try write("}", to: &file)
        _ = try file.close()
        try file.publish()
    }

    private func write(_ tally: Tally, isLast: Bool, to file: inout OutputFile) throws(OutputError) {
        let (first, last) = (tally.firstID.map { "\($0)" } ?? "null", tally.lastID.map { "\($0)" } ?? "null")
        try write(
            #"    {"symbol": "\#(tally.symbol)", "first_id": \#(first), "last_id": \#(last), "#
                + #""trades": \#(tally.trades), "quotes": \#(tally.quotes), "#
                + #""skipped": \#(tally.skipped), "skipped_ids": ["#,
            to: &file
        )
        // Lines of the file have a longest length.
        for start in stride(from: 0, to: tally.skippedIDs.count, by: Self.idsPerLine) {
            let part = tally.skippedIDs[start..<min(start + Self.idsPerLine, tally.skippedIDs.count)]
            let comma = part.endIndex < tally.skippedIDs.endIndex ? "," : ""
            try write("      " + part.map { "\($0)" }.joined(separator: ",") + comma, to: &file)
        }
        try write(isLast ? "    ]}" : "    ]},", to: &file)
    }

    private func write(_ line: String, to file: inout OutputFile) throws(OutputError) {
        file.append(Array(line.utf8))
        try file.endLine()
    }
}
