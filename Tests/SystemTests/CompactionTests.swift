import Foundation
import TestSupport
import Testing

/// A recording that is compacted, and what can be asked for of it.
struct CompactedRecording: CustomTestStringConvertible, Sendable {
    let path: String
    let venue: String
    let lanes: [Lane]

    var testDescription: String { path }

    static let all = [
        CompactedRecording(
            path: "market/equity/lean-spy-20131008-trade.zip",
            venue: "LEAN",
            lanes: [Lane("LEAN:SPY", "trade")]
        ),
        CompactedRecording(
            path: "market/binance/usdm_btcusdt_20240808.gz",
            venue: "BINANCE_FUTURES",
            lanes: [Lane("BINANCE_FUTURES:BTCUSDT", "trade"), Lane("BINANCE_FUTURES:BTCUSDT", "quote")]
        ),
    ]
}

extension SystemTests {
    /// Compaction changes how market data is stored, and nothing that can be asked for.
    @Suite(.timeLimit(.minutes(2)))
    struct CompactionTests {
        @Test func aSampleIsCompactedAndStaysAsItIs() async throws {
            let desk = try await Desk()
            let sample = try await Sample.make(events: 100_000, seed: 41, in: desk.folder)
            try await desk.replay(sample)
            let lanes = sample.telling.map { Lane($0, "trade") }
            try await expectCompaction(of: desk, lanes, events: sample.manifest.events) {
                try await desk.replay(sample, "--from-start")
            }
            try await desk.expectHolds(sample)
        }

        @Test(
            .enabled(if: Product.hasSharedData, Comment(rawValue: Product.whyNoSharedData)),
            arguments: CompactedRecording.all
        )
        func aRecordingIsCompactedAndStaysAsItIs(_ recording: CompactedRecording) async throws {
            let desk = try await Desk()
            let path = Product.shared(recording.path)
            let replayed = try await desk.replay("--venue", recording.venue, path)
            try await expectCompaction(of: desk, recording.lanes, events: replayed.stored) {
                try await desk.replay("--venue", recording.venue, "--from-start", path)
            }
        }

        @Test func hoursAndDaysAreCompactedAndStayAsTheyAre() async throws {
            let desk = try await Desk()
            // The hours before and behind midnight, with late events among them.
            let tape = HourlyTape(events: 60_000, hours: 9, seed: 42, lateShare: 5)
            let path = try desk.file("tape.ndjson", tape.data)
            try await desk.replay(tape: path)
            try await expectCompaction(of: desk, tape.lanes, events: 60_000) {
                try await desk.replay(tape: path, "--from-start")
            }
        }

        /// Everything that has to hold of a database with one source that is complete.
        private func expectCompaction(
            of desk: Desk,
            _ lanes: [Lane],
            events: Int,
            _ replayAgain: () async throws -> ReplayDocument
        ) async throws {
            var views: [LaneViews] = []
            for lane in lanes { views.append(try await desk.views(of: lane)) }
            let bytes = try #require(try await desk.status().collections["market_data"]?.dataBytes)
            let hot = try await desk.documents()
            let newest = try #require(try await desk.status().sources.first?.lastEventTime)

            let planned = try await desk.run("compact", "--once", "--grace", "0s", "--dry-run", "--json")
            #expect(try await desk.documents() == hot, "a dry run changes nothing")
            // Those of a day that is over go into its segment together.
            let steps = try JSON(planned.text)["steps"]?.elements ?? []
            let buckets = steps.flatMap { $0["buckets"]?.elements ?? [] }

            let closed = hot.filter { $0.windowStart + Desk.hour <= newest }
            let first = try await desk.compact("--grace", "0s")
            #expect(
                first.sealed == closed.count && first.sealed == buckets.count,
                "windows that are over, and no others"
            )
            let open = hot.filter { $0.windowStart + Desk.hour > newest }
            let between = try await desk.documents()
            #expect(open.allSatisfy { between.contains($0) }, "what is open is left as it is")
            for views in views { try await desk.expectUnchanged(views, "closed windows are sealed") }
            #expect(try await desk.verifyClean().events == events)

            let second = try await desk.compact("--grace", "0s", "--all")
            #expect(first.events + second.events == events, "each event is sealed once")
            #expect(second.bytesBefore == first.bytesAfter && second.bytesAfter < first.bytesBefore)
            for views in views { try await desk.expectUnchanged(views, "all windows are sealed") }
            let report = try await desk.expectSound(events: events)
            #expect(report.sealed == report.documents && report.replaced == 0)
            let compacted = try await desk.documents()
            #expect(compacted.count <= hot.count && (second.rolledUp == 0 || compacted.count < hot.count))
            #expect(try #require(try await desk.status().collections["market_data"]?.dataBytes) < bytes)

            for _ in 0..<2 { #expect(try await desk.compact("--all").isIdle, "there is nothing left to do") }
            #expect(try await replayAgain().stored == 0)
            #expect(try await desk.documents() == compacted)
        }

        @Test func anIndependentReaderExportsTheSame() async throws {
            let desk = try await Desk()
            let tape = HourlyTape(events: 40_000, hours: 7, seed: 43, lateShare: 5)
            try await desk.replay(tape: try desk.file("tape.ndjson", tape.data))
            try await desk.replay(
                tape: try desk.file("other.ndjson", HourlyTape(events: 4_000, hours: 7, seed: 44).data)
            )
            for arguments in [["--grace", "2h"], ["--grace", "0s"], ["--all"]] {
                let ending = try await desk.start(["compact", "--once", "--json"] + arguments).wait()
                #expect(try CompactionDocument(ending).sealed > 0)
                for lane in tape.lanes {
                    let read = try await desk.readMarketData("export", lane.symbol, lane.kind)
                    expectSame(try await desk.export(lane.symbol, lane.kind), read.output, "\(lane) \(arguments)")
                }
                try await desk.expectSound(events: 44_000)
            }
        }

        @Test func symbolAndBeforeLimitWhatIsTaken() async throws {
            let desk = try await Desk()
            let tape = HourlyTape(events: 20_000, hours: 6, seed: 45, symbols: ["A", "B", "C"])
            try await desk.replay(tape: try desk.file("tape.ndjson", tape.data))
            let hot = try await desk.documents()
            let end = HourlyTape.start + 2 * Desk.hour
            for (before, sealed) in [(end - 1, 1), (end, 1), (end, 0)] {
                let document = try await desk.compact("--all", "--symbol", "HOURLY:B", "--before", "\(before)")
                #expect(document.sealed == sealed && document.rolledUp == 0)
            }
            let changed = try await changes(hot, desk)
            #expect(changed.allSatisfy { $0.instrument == "HOURLY:B" && $0.windowStart < end })
            let others = try await desk.compact("--all", "--symbol", "HOURLY:C", "HOURLY:A", "--before", "\(end)")
            #expect(others.sealed == 4 && others.rolledUp == 0)
            #expect(try await changes(hot, desk).allSatisfy { $0.windowStart < end })
            // The day ends four hours behind the start of the tape: it is rolled up, what comes behind is not.
            let day = HourlyTape.start + 4 * Desk.hour
            let whole = try await desk.compact("--all", "--before", "\(day)")
            #expect(whole.sealed == 6 && whole.rolledUp == 12)
            let left = try await desk.documents().filter { $0.windowStart >= day }
            #expect(left.count == 6 && left.allSatisfy { hot.contains($0) })
            #expect(try await desk.compact("--all", "--symbol", "HOURLY:NOBODY").isIdle)
        }

        @Test(arguments: [(SIGTERM, ["--once"], 2), (SIGINT, [], 0)] as [(Int32, [String], Int32)])
        func aSignalEndsItBetweenTwoSteps(signal: Int32, arguments: [String], code: Int32) async throws {
            let desk = try await Desk()
            let sample = try await Sample.make(events: 20_000, seed: 45, in: desk.folder)
            try await desk.replay(sample)
            let hot = try await desk.documents()
            // It waits for hours behind its first steps.
            let compaction = try desk.start(["compact", "--all", "--json", "--pace", "1"] + arguments)
            try await poll("the first steps are done") { try await desk.documents() != hot }
            _ = kill(compaction.pid, signal)
            let ending = try await compaction.wait(within: .seconds(20))
            #expect(ending.code == code && ending.output.isEmpty)
            #expect(ending.error.contains("stopped; the next run goes on"))
            try await desk.compact("--all")
            #expect(try await desk.compact("--all").isIdle)
            try await desk.expectHolds(sample)
        }

        /// Documents that are not any more as they were.
        private func changes(_ earlier: [MarketDocument], _ desk: Desk) async throws -> [MarketDocument] {
            let now = try await desk.documents()
            return earlier.filter { !now.contains($0) }
        }

        @Test(arguments: [
            ["--grace", "soon"], ["--grace=-1s"], ["--grace", "15"], ["--grace", "36501d"], ["--grace"],
            ["--before", "tomorrow"], ["--before", "99999999999999999999"], ["--symbol", "nocolon"], ["--symbol"],
            ["--every", "5"], ["--wait", "0"], ["--limit", "3"], ["extra"], ["--once=yes"],
        ])
        func wrongUsageIsExitCode64(_ arguments: [String]) async throws {
            let desk = try await Desk()
            let ending = try await desk.start(["compact", "--once", "--json"] + arguments).wait()
            #expect(ending.code == 64)
            #expect(ending.output.isEmpty && !ending.error.isEmpty)
        }

        @Test func nothingStoredIsNothingToDo() async throws {
            let desk = try await Desk()
            for arguments in [[], ["--all"], ["--grace", "36500d"], ["--before", "0"], ["--symbol", "A:B"]] {
                let ending = try await desk.start(["compact", "--once", "--json"] + arguments).wait()
                #expect(ending.code == 0)
                #expect(try CompactionDocument(ending).isIdle && ending.error.isEmpty)
            }
        }
    }
}

extension Desk {
    /// Replays an hourly tape.
    @discardableResult
    func replay(tape path: String, _ arguments: String...) async throws -> ReplayDocument {
        let ending = try await start(["replay", "--json"] + HourlyTape.mapped + arguments + [path]).wait()
        #expect(ending.code == 0, "\(ending.error)")
        return try ReplayDocument(ending)
    }
}
