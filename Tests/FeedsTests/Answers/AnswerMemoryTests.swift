import Feeds
import MarketData
import Testing

@Suite struct AnswerMemoryTests {
    private static let target = "/api/v3/klines?symbol=B&interval=1m"

    /// Bars of the minutes before the answer came, the last of which goes on.
    private static func bars(_ closes: [Int], first: Int = 0) -> String {
        let rows = closes.enumerated().map { index, close in
            let start = answerReceipt / 1_000_000 / 60_000 * 60_000 + Int64(first + index - 2) * 60_000
            return #"[\#(start),"1","9","1","\#(close)","5",\#(start + 59_999)]"#
        }
        return "[\(rows.joined(separator: ","))]"
    }

    private static func items(_ body: String, target: String = target, later: Int64 = 0) throws -> AnswerItems {
        let time = Timestamp(nanoseconds: answerReceipt + later * 1_000_000_000)
        return try AnswerItems(BinanceDialect.self, target: target, body: Array(body.utf8), receiptTime: time)
    }

    @Test func whatAnAnswerHolds() throws {
        let answer = try Self.items(Self.bars([3, 4]))
        #expect(answer.items.map(\.place) == [0, 1])
        let bar = try #require(answer.items.last?.item)
        #expect(bar.kind == .candle && bar.symbol == "B" && bar.interval == 60 && bar.number == nil)
        #expect(bar.time.nanoseconds == answerReceipt / 60_000_000_000 * 60_000_000_000 - 60_000_000_000)
        let trades = try Self.items(
            #"[{"id":1},{"id":2,"price":"4","qty":"1","time":5,"isBuyerMaker":true}]"#,
            target: "/api/v3/trades?symbol=B"
        )
        #expect(trades.items.map(\.item.number) == [nil, 2] && trades.items.map(\.item.kind) == [nil, .trade])
        #expect(trades.rejected.count == 1)
        let refusal = try Self.items(#"{"code":-1}"#)
        #expect(refusal.items.isEmpty && refusal.ignored == ["error": 1])
        #expect(AnswerMemory(itemsMax: 9).news(in: refusal) == .nothing)
        #expect(throws: TapeError.unusableTarget) { try Self.items("[]", target: "klines") }
    }

    @Test func barsThatDidNotChangeAreNoNews() throws {
        var memory = AnswerMemory(itemsMax: 10)
        let first = try Self.items(Self.bars([3, 4, 5]))
        #expect(memory.news(in: first) == .all)
        // What was not recorded is still news.
        #expect(memory.news(in: first) == .all)
        memory.remember(first)
        #expect(memory.news(in: first) == .nothing)
        // Two minutes later a bar was revised, and there is a new one.
        let second = try Self.items(Self.bars([3, 6, 5, 7]))
        #expect(memory.news(in: second) == .places([1...1, 3...3]))
        memory.remember(second)
        #expect(memory.news(in: second) == .nothing)
        // A revision that is taken back is one, too.
        let third = try Self.items(Self.bars([3, 4, 5, 7]))
        #expect(memory.news(in: third) == .places([1...1]))
    }

    @Test func aBarThatIsOverIsNews() throws {
        var memory = AnswerMemory(itemsMax: 10)
        memory.remember(try Self.items(Self.bars([3, 4, 5])))
        let later = try Self.items(Self.bars([3, 4, 5]), later: 60)
        #expect(memory.news(in: later) == .places([2...2]))
    }

    @Test func otherSymbolsAndIntervalsAreOtherBars() throws {
        var memory = AnswerMemory(itemsMax: 10)
        memory.remember(try Self.items(Self.bars([3])))
        for target in ["/api/v3/klines?symbol=C&interval=1m", "/api/v3/klines?symbol=B&interval=5m"] {
            #expect(memory.news(in: try Self.items(Self.bars([3]), target: target)) == .all)
        }
    }

    /// Old bars are forgotten, and those of the last answers are not, however many come and go.
    @Test func memoryIsBounded() throws {
        var memory = AnswerMemory(itemsMax: 5)
        for round in 0..<100 {
            // A window over bars that do not change, which moves on by one.
            let closes = (round..<(round + 3)).map { $0 % 7 + 1 }
            let answer = try Self.items(Self.bars(closes, first: round))
            #expect(memory.news(in: answer) == (round == 0 ? .all : .places([2...2])))
            memory.remember(answer)
            #expect(memory.count <= 10)
        }
        #expect(memory.news(in: try Self.items(Self.bars([1, 2, 3]))) == .all)
    }

    /// Trades that nothing numbers are known by their identifiers.
    @Test func tradesAreKnownByTheirIdentifiers() throws {
        func items(_ ids: [String]) throws -> AnswerItems {
            let rows = ids.map {
                #"{"execId":"\#($0)","symbol":"B","price":"1","size":"1","side":"Buy","time":"5"}"#
            }
            let body = #"{"retCode":0,"result":{"list":[\#(rows.reversed().joined(separator: ","))]}}"#
            let target = "/v5/market/recent-trade?symbol=B"
            let time = Timestamp(nanoseconds: answerReceipt)
            return try AnswerItems(BybitDialect.self, target: target, body: Array(body.utf8), receiptTime: time)
        }
        var memory = AnswerMemory(itemsMax: 10)
        memory.remember(try items(["a", "b", "7"]))
        #expect(memory.news(in: try items(["b", "7", "c", "8"])) == .places([2...3]))
    }

    /// The same reason each time is news once, and not in the way of what else there is.
    @Test func whatIsRejectedIsNewsOnce() throws {
        var memory = AnswerMemory(itemsMax: 10)
        let page = try Self.items("<html>")
        #expect(memory.news(in: page) == .all && page.rejected.count == 1)
        memory.remember(page)
        #expect(memory.news(in: page) == .nothing)
    }

    /// What the memory says is news is what the tape's reader takes.
    @Test func newsGoOntoATapeAndBack() throws {
        var memory = AnswerMemory(itemsMax: 10)
        var frames: [TestFrame] = []
        for closes in [[3, 4], [3, 4], [3, 5, 6], [3, 5, 6]] {
            let body = Self.bars(closes)
            let answer = try Self.items(body)
            let news = memory.news(in: answer)
            guard news != .nothing else { continue }
            let payload = try AnswerPayload.bytes(target: Self.target + "&apikey=S", news: news, body: Array(body.utf8))
            frames.append(.payload(payload))
            memory.remember(answer)
        }
        let decoded = try decode("binance", frames)
        let closes = decoded.raw.map { event in
            if case .candle(let bar) = event.payload { bar.close.description } else { "" }
        }
        #expect(closes == ["3", "4", "5", "6"] && decoded.ignored == ["repeated": 1])
    }
}
