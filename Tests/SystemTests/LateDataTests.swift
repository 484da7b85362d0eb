import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// What comes in when its window was sealed and rolled up already, and what cannot be sealed.
    @Suite(.timeLimit(.minutes(2)))
    struct LateDataTests {
        @Test func aTapeThatIsCompactedAsItGrowsIsOneThatWasNot() async throws {
            let tape = HourlyTape(events: 60_000, hours: 9, seed: 51, lateShare: 20)
            let reference = try await Desk()
            try await reference.replay(tape: try reference.file("tape.ndjson", tape.data))
            let desk = try await Desk()
            let pieces = [7_000, 20_011, 41_000, 41_001, 60_000]
            for (round, piece) in pieces.enumerated() {
                try await desk.replay(tape: try desk.file("tape.ndjson", tape.prefix(piece)))
                for lane in tape.lanes {
                    // The first lines of the tape, each once, in the order of all.
                    let expected = try await reference.export(lane.symbol, lane.kind).rows(below: piece)
                    expectSame(try await desk.export(lane.symbol, lane.kind), expected, "\(lane), round \(round)")
                }
                let document = try await desk.compact("--grace", "0s", round % 2 == 0 ? "--all" : "--once")
                #expect(round % 2 == 1 || document.sealed > 0)
                let report = try await desk.expectSound(events: piece)
                #expect(round % 2 == 1 || report.sealed == report.documents, "late events are sealed, too")
            }
            for lane in tape.lanes {
                try await desk.expectUnchanged(try await reference.views(of: lane), "at the end")
            }
            #expect(try await desk.compact("--all").isIdle)
        }

        @Test func aSecondSourceStandsBesideTheFirst() async throws {
            let tapes = [52, 53].map { HourlyTape(events: 20_000, hours: 6, seed: $0, symbols: ["A"], lateShare: 5) }
            let lane = tapes[0].lanes[0]
            let (reference, desk) = (try await Desk(), try await Desk())
            for (number, tape) in tapes.enumerated() {
                let path = try desk.file("tape-\(number).ndjson", tape.data)
                try await reference.replay(tape: path)
                try await desk.replay(tape: path)
                #expect(try await desk.compact("--all").sealed > 0)
            }
            try await desk.expectUnchanged(try await reference.views(of: lane), "two sources")
            try await desk.expectSound(events: 40_000)
        }

        @Test("Events far from their places in the tape are sealed, and sealed again when more come in before them")
        func twistedEventsAreSealedAgain() async throws {
            // Two stretches of a window that arrived event by event in turn, then an earlier one.
            let start = HourlyTape.start
            let twisted = (0..<32_768).map { number in
                (start + 600_000_000_000 + number % 2 * 1_000_000_000_000 + number * 1_000_000, number)
            }
            let lines = (twisted + (0..<8_192).map { (start + $0, 100_000 + $0) }).map {
                #"{"s":"A","t":\#($0),"p":"1","q":"1","i":\#($1)}"# + "\n"
            }
            let (reference, desk) = (try await Desk(), try await Desk())
            try await reference.replay(tape: try reference.file("tape.ndjson", lines.joined()))
            for count in [twisted.count, lines.count] {
                try await desk.replay(tape: try desk.file("tape.ndjson", lines.prefix(count).joined()))
                #expect(try await desk.compact("--all").sealed == 1)
                try await desk.expectSound(events: count)
            }
            try await desk.expectUnchanged(try await reference.views(of: Lane("HOURLY:A", "trade")), "twisted")
        }

        @Test(
            "An export shows one moment, whatever comes in and is compacted before it ends",
            arguments: [false, true]
        )
        func anExportShowsOneMoment(_ isSealed: Bool) async throws {
            let desk = try await Desk()
            let tape = HourlyTape(events: 60_000, hours: 6, seed: 55, symbols: ["A"])
            let lane = tape.lanes[0]
            try await desk.replay(tape: try desk.file("tape.ndjson", tape.data))
            if isSealed { try await desk.compact("--all", "--before", "\(HourlyTape.start + 3 * Desk.hour)") }
            let before = try await desk.export(lane.symbol, lane.kind)

            // The export has to wait, because nobody reads it to its end before the gate opens.
            let gate = desk.folder + "/gate"
            mkfifo(gate, 0o600)
            let pipe = #""$@" | { dd bs=1 count=1 2>/dev/null; cat "$0"; cat; }"#
            let export = [
                try #require(Product.tapedesk), "export", "--symbol", lane.symbol, "--kind", lane.kind, "--mongo",
                desk.uri, "--database", desk.database,
            ]
            let reading = try ChildProcess(["sh", "-c", pipe, gate] + export, folder: desk.folder)
            var opened: Int32 = -1
            try await poll("reading has begun") {
                opened = open(gate, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
                return opened >= 0
            }
            // One event for the first hour, which was read already, then some for the last one.
            let late = (0..<20).map { number in
                let time = HourlyTape.start + (number == 0 ? 1 : 6 * Desk.hour - 1_000 + number)
                return #"{"s":"A","t":\#(time),"p":"1","q":"1","i":\#(60_000 + number)}"# + "\n"
            }
            try await desk.replay(tape: try desk.file("tape.ndjson", (tape.lines + late).joined()))
            try await desk.compact("--all")
            close(opened)
            expectSame(try await reading.wait().output, before, "what was stored when reading began")
            try await desk.expectSound(events: 60_020)
        }

        @Test func timesAtTheEndsOfTheirRangeAreNoTrouble() async throws {
            let desk = try await Desk()
            let times = [0, 1, 1_700_000_000_000_000_000, Int.max - Desk.hour, Int.max - 1, Int.max]
            let lines = times.enumerated().map { #"{"s":"A","t":\#($1),"p":"1","q":"1","i":\#($0)}"# + "\n" }
            try await desk.replay(tape: try desk.file("tape.ndjson", lines.joined()))
            let before = try await desk.export("HOURLY:A", "trade")
            for arguments in [["--grace", "36500d"], [], ["--all"]] {
                let ending = try await desk.start(["compact", "--once", "--json"] + arguments).wait()
                #expect(ending.code == 0, "\(arguments)")
                expectSame(try await desk.export("HOURLY:A", "trade"), before, "\(arguments)")
                try await desk.expectSound(events: times.count)
            }
        }

        @Test("Windows of bars are sealed, not rolled up, and bars that come later are sealed again")
        func barsAreSealed() async throws {
            let map = "time=t,open=o,high=h,low=l,close=c,volume=v,symbol=s,interval=n"
            let bars = (0..<3_000).map { number in
                let low = "0.0000\(10_000_000 + number * 7 % 1_000)"
                let time = 1_600_000_000 + number * 43_200
                return #"{"s":"X/Y","t":\#(time),"o":"\#(low)","h":"9.5","l":"\#(low)","c":"1","#
                    + #""v":"\#(number)","n":"43200"}"# + "\n"
            }
            let (reference, desk) = (try await Desk(), try await Desk())
            for count in [1_500, 1_501, 3_000] {
                for desk in [reference, desk] {
                    let path = try desk.file("bars.ndjson", bars.prefix(count).joined())
                    let document = try await desk.replay("--format", "ndjson", "--venue", "BARS", "--map", map, path)
                    #expect(document.events["candle"] == count)
                }
                #expect(try await desk.compact("--all").sealed > 0)
                #expect(try await desk.compact("--all").isIdle)
                let expected = try await reference.export("BARS:X/Y", "candle")
                #expect(expected.count > count * 40)
                expectSame(try await desk.export("BARS:X/Y", "candle"), expected, "\(count) bars")
                try await desk.expectSound(events: count)
            }
            #expect(try await desk.documents().allSatisfy { $0.form == .bucket })
        }

        @Test("Names, ids and numbers that are hard to write down come back", arguments: [false, true])
        func oddNamesComeBack(_ isLate: Bool) async throws {
            let symbols = [#"a|trade|b:c"#, "B/C D", "é東\u{1F600}", "$where", "..", "x.y"]
            let feed = symbols.enumerated().flatMap { number, symbol in
                (0..<50).map { index in
                    let time = HourlyTape.start + (index * 7 % 50) * Desk.hour / 10 + number
                    let price = ["0.000000000000000001", "9223372036.854775807", "1e-8", "61800.30"][index % 4]
                    let id = ["\"\(index)-é\"", "\(index)", "\"\"", "\"\(index)|\u{1F600}\""][(index + number) % 4]
                    return #"{"s":"\#(symbol)","t":\#(time),"p":"\#(price)","q":"0.\#(index)","#
                        + #""i":\#(id),"d":"buy"}"# + "\n"
                }
            }
            let (reference, desk) = (try await Desk(), try await Desk())
            let lines = isLate ? feed.indices.map { feed[$0 * 7 % feed.count] } : feed
            for desk in [reference, desk] {
                try await desk.replay(tape: try desk.file("odd | name.ndjson", lines.joined()))
            }
            #expect(try await desk.compact("--all").sealed > 0)
            try await desk.expectSound(events: feed.count)
            for symbol in symbols {
                let lane = Lane("HOURLY:" + symbol, "trade")
                try await desk.expectUnchanged(try await reference.views(of: lane), "odd names")
                #expect(try await desk.compact("--all", "--symbol", lane.symbol).isIdle)
            }
        }

        @Test func aDamagedBlockIsNamedAndEverythingElseIsSealed() async throws {
            let server = try await LocalMongo.shared()
            let desk = try await Desk()
            let tape = HourlyTape(events: 20_000, hours: 9, seed: 54, symbols: ["A", "B", "C"])
            try await desk.replay(tape: try desk.file("tape.ndjson", tape.data))
            let intact = try await desk.views(of: tape.lanes[2])
            let output = try await desk.tool(
                "python3",
                Product.oracle("damage_block.py"),
                "\(server.port)",
                desk.database,
                "HOURLY:B"
            )
            let words = String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
            try #require(words.count == 2)
            let before = try await desk.documents()
            let damaged = try #require(before.first { $0.id == words[0] })
            for round in 0..<2 {
                let ending = try await desk.run("compact", "--once", "--json", "--all")
                #expect(ending.code == 1)
                let document = try CompactionDocument(ending)
                #expect(document.sealed == (round == 0 ? before.count - 1 : 0), "all the others, once")
                #expect(ending.error.contains(words[0]) && ending.error.contains("block \(words[1])"))
                #expect(ending.error.split(separator: "\n").count == 1)
                #expect(try await desk.documents().contains(damaged), "it is left as it is")
            }
            let forPeople = try await desk.run("compact", "--once", "--all")
            #expect(forPeople.code == 1 && forPeople.error.contains(words[0]))
            let verified = try await desk.run("verify", "--json")
            let findings = try JSONDecoder().decode(VerifyDocument.self, from: verified.output).findings
            #expect(Set(findings.map(\.bucket)) == [words[0]], "this bucket and no other")
            try await desk.expectUnchanged(intact, "beside a damaged block")
        }
    }
}

extension Data {
    /// The header of an export of an hourly tape, and the rows of the first lines of the tape.
    func rows(below count: Int) -> Data {
        var kept = Data()
        for (number, row) in rows.enumerated() where number == 0 || row.tapeLine < count {
            kept += row + [10]
        }
        return kept
    }
}

extension ArraySlice<UInt8> {
    /// The number of the line that a row of an export of an hourly tape comes from: its id, in the third field.
    var tapeLine: Int {
        let fields = split(separator: UInt8(ascii: ","), maxSplits: 3, omittingEmptySubsequences: false)
        return fields.count > 2 ? Int(String(decoding: fields[2], as: UTF8.self)) ?? .max : .max
    }
}
