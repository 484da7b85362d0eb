import MarketData
import Testing

@testable import Feeds

@Suite struct AnswerFrameTests {
    private static let trades = "/api/v3/trades?symbol=B"

    private static func trade(_ id: Int) -> String {
        #"{"id":\#(id),"price":"4","qty":"12","quoteQty":"48","time":1499865549590,"isBuyerMaker":true}"#
    }

    private static func list(_ ids: ClosedRange<Int>) -> String {
        "[\(ids.map(trade).joined(separator: ","))]"
    }

    @Test(arguments: [
        ("", "no line"), ("/api/v3/trades?symbol=B", "no line"), ("\n[]", "no target"), ("api\n[]", "no target"),
        ("/a b\n[]", "no target"), ("/a\u{e9}\n[]", "no target"), ("/trades?symbol=B#new=\n[]", "no target"),
        ("/trades?symbol=B#new=3-1\n[]", "no target"), ("/trades?symbol=B#new=1,1\n[]", "no target"),
        ("/trades?symbol=B#new=1048576\n[]", "no target"), ("/trades?symbol=B#old=1\n[]", "no target"),
        ("/trades?symbol=B#new=1-\n[]", "no target"), ("/trades?symbol=B#\n[]", "no target"),
    ])
    func payloadsThatAreNoneAreRejected(payload: String, reason: String) throws {
        let decoded = try decode("binance", [.payload(Array(payload.utf8)), .answer(Self.trades, Self.list(7...7))])
        #expect(decoded.rejected.map(\.rule) == [.malformed])
        #expect(decoded.rejected.first?.reason.contains(reason) == true)
        #expect(decoded.raw.map(\.orderNumber) == [7] && decoded.records == 2)
    }

    @Test func aTargetHasALongestLength() throws {
        let body = Array("\n\(Self.list(1...1))".utf8)
        let start = Array("/trades?symbol=B&x=".utf8)
        let longest = start + [UInt8](repeating: 0x78, count: AnswerTarget.bytesMax - start.count)
        let decoded = try decode("binance", [.payload(longest + body), .payload(longest + [0x78] + body)])
        #expect(decoded.raw.count == 1)
        #expect(decoded.rejected.map(\.reason) == ["the answer's target is longer than 65536 bytes"])
    }

    @Test func anAnswerThatNobodyReadsIsCounted() throws {
        for dialect in ["binance", "kraken", "coinbase", "bybit", "okx", "gemini"] {
            let decoded = try decode(dialect, answer: "/api/v3/time", "<no JSON>")
            #expect(decoded.ignored == ["answer": 1] && decoded.rejected.isEmpty && decoded.raw.isEmpty)
        }
    }

    @Test func keysOfTheQuery() throws {
        let line = Array("/a%2Fb/S%50Y?x=1&symbol=XBT%2fUSD&symbol=2&empty=&y&plus=A+B&bad=%4&worse=%zz&cut=%ff".utf8)
        try line.withUnsafeBytes { line in
            let target = try #require(AnswerTarget(line))
            #expect(target.lastName == "SPY")
            #expect(String(decoding: target.path, as: UTF8.self) == "/a%2Fb/S%50Y")
            #expect(target.value("symbol") == "XBT/USD")
            #expect(target.value("x") == "1" && target.value("empty") == "" && target.value("plus") == "A+B")
            for key in ["y", "bad", "worse", "cut", "symb", "symbols"] as [StaticString] {
                #expect(target.value(key) == nil)
            }
        }
    }

    @Test func onlyWhatIsNewsIsTaken() throws {
        let body = "[\(Self.trade(1)),\(Self.trade(2)),{\"id\":3},{\"id\":4},\(Self.trade(5)),\(Self.trade(6))]"
        let decoded = try decode("binance", answer: Self.trades + "#new=1-2,5", body)
        #expect(decoded.raw.map(\.orderNumber) == [2, 6])
        // What is left keeps its place, so that positions do not depend on what was left out.
        #expect(decoded.events.map(\.place) == [1, 5])
        #expect(decoded.rejected.map { $0.position.rawValue & 0xFFFFF } == [2])
        #expect(decoded.ignored == ["repeated": 3])
    }

    /// What was left out of one answer leaves the frames around it as they are.
    @Test func otherFramesKeepEverything() throws {
        let frames: [TestFrame] = [
            .answer(Self.trades, Self.list(1...3)), .answer(Self.trades, "<"),
            .answer(Self.trades + "#new=0", Self.list(4...6)), .answer(Self.trades, Self.list(7...8)),
            .answer(Self.trades + "#new=9", "<"),
        ]
        for slabBytes in [64, 700, 1 << 20] {
            let decoded = try decode("binance", frames, slabBytes: slabBytes)
            #expect(decoded.raw.map(\.orderNumber) == [1, 2, 3, 4, 7, 8])
            #expect(decoded.events.map(\.line) == [1, 1, 1, 3, 4, 4])
            #expect(decoded.rejected.count == 1 && decoded.ignored == ["repeated": 3])
        }
    }

    @Test func secretsDoNotGetOntoATape() throws {
        for (target, kept) in [
            ("/query?function=A&apikey=S&symbol=B", "/query?function=A&symbol=B"), ("/query?ApiKey=S", "/query"),
            ("/q?api_key=S&token=S&signature=S&x=apikey", "/q?x=apikey"), ("/q?apikeys=1", "/q?apikeys=1"),
            ("/q?token", "/q"), ("/q", "/q"), ("/q?x=1#new=4", "/q?x=1"),
        ] {
            #expect(AnswerPayload.withoutSecrets(target) == kept)
            #expect(try AnswerPayload.bytes(target: target, body: Array("[]".utf8)) == Array("\(kept)\n[]".utf8))
        }
        let payload = try AnswerPayload.bytes(target: "/q?token=S", news: .places([0...3, 7...7]), body: [])
        #expect(payload == Array("/q#new=0-3,7\n".utf8))
        for target in ["", "q", "/a\nb", "/a b"] {
            #expect(throws: TapeError.unusableTarget) { try AnswerPayload.bytes(target: target, body: []) }
        }
        #expect(throws: TapeError.unusableTarget) { try AnswerPayload.bytes(target: "/", news: .nothing, body: []) }
    }

    @Test func placesAreFoundInRanges() {
        let news = AnswerNews.places([1...1, 4...6, 9...9])
        #expect((0...11).filter { news.contains($0) } == [1, 4, 5, 6, 9])
        #expect(AnswerNews.all.contains(5) && !AnswerNews.nothing.contains(5))
    }

    @Test func surveysCountAnswers() throws {
        let folder = try TemporaryFolder()
        let bytes = try tape("binance", [.answer(Self.trades, Self.list(1...9)), .answer(Self.trades, "[]")])
        let survey = try #require(try TapeSurvey(path: try folder.write(bytes, "answers.tape")))
        #expect(survey.lineCount == 3 && survey.wholeBytes == Int64(bytes.count))
    }

    @Test func mutatedTapesOfAnswers() throws {
        let frames = (0..<12).map { TestFrame.answer(Self.trades + "#new=0-1", Self.list(($0 * 3)...($0 * 3 + 2))) }
        let bytes = try tape("binance", frames)
        let format = try TapeFormat(try TapeHeader(venue: "V", source: "s", dialect: "binance"))
        var random = MutationFuzzTests.Generator(state: 3)
        for _ in 0..<300 {
            var mutated = bytes
            let start = Int.random(in: 40..<bytes.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: mutated[start] ^= UInt8.random(in: 1...255, using: &random)
            case 1: mutated.removeSubrange(start..<min(bytes.count, start + Int.random(in: 1...300, using: &random)))
            default: mutated.insert(contentsOf: bytes.prefix(Int.random(in: 1...200, using: &random)), at: start)
            }
            let large = try decode(mutated, as: format)
            #expect(try decode(mutated, as: format, slabBytes: 128).events == large.events)
            #expect(large.events.count >= 18 && large.events.count <= 24)
        }
    }
}
