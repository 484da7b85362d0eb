import Foundation
import Synchronization
import TestSupport
import Testing

/// A tape that arrives piece by piece while it is compacted, and the ways to look at it.
struct GrowingFeed: Sendable {
    let data: Data
    /// What `replay` needs besides the tape, which comes through a pipe.
    let arguments: [String]
    let lanes: [Lane]
    /// Whether ids number the lines of the tape; otherwise it is in order of event time.
    let isNumbered: Bool
}

extension SystemTests {
    /// Compaction that is killed at any moment, while data arrives and is read.
    @Suite(.timeLimit(.minutes(5)))
    struct CompactionCrashTests {
        private static let kills = 100
        private static let pieces = 30
        /// A transaction whose program was killed locks its documents until the server ends it.
        ///
        /// That takes a minute by default, which proves nothing that five seconds do not.
        private static let parameters = ["transactionLifetimeLimitSeconds=5"]

        @Test func killedCompactionsOfALateTapeLoseNothing() async throws {
            let tape = HourlyTape(events: 150_000, hours: 20, seed: 61, lateShare: 10)
            let feed = GrowingFeed(data: tape.data, arguments: HourlyTape.mapped, lanes: tape.lanes, isNumbered: true)
            try await killCompactions(of: [feed])
        }

        @Test(.enabled(if: Product.hasSharedData, Comment(rawValue: Product.whyNoSharedData)))
        func killedCompactionsOfRecordingsLoseNothing() async throws {
            let desk = try await Desk()
            let zip = Product.shared("market/equity/lean-spy-20131008-trade.zip")
            let unzip =
                "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); "
                + "sys.stdout.buffer.write(z.read(z.namelist()[0]))"
            let shares = GrowingFeed(
                data: try await desk.tool("python3", "-c", unzip, zip),
                arguments: ["--format", "lean-trade", "--venue", "LEAN", "--symbol", "SPY", "--date", "2013-10-08"],
                lanes: [Lane("LEAN:SPY", "trade")],
                isNumbered: false
            )
            let coins = GrowingFeed(
                data: try await desk.tool("gzip", "-dc", Product.shared("market/binance/usdm_btcusdt_20240808.gz")),
                arguments: ["--format", "binance-recorder", "--venue", "BINANCE_FUTURES"],
                lanes: ["trade", "quote"].map { Lane("BINANCE_FUTURES:BTCUSDT", $0) },
                isNumbered: false
            )
            try await killCompactions(of: [shares, coins])
        }

        /// Two compactions run again and again and are killed, while feeds arrive and are exported.
        private func killCompactions(of feeds: [GrowingFeed]) async throws {
            let server = try await LocalMongo.start(parameters: Self.parameters)
            defer { server.stop() }
            let (reference, desk) = (try await Desk(at: server), try await Desk(at: server))
            var whole: [PrefixCheck] = []
            for (number, feed) in feeds.enumerated() {
                let path = try reference.file("tape-\(number)", feed.data)
                let words = ["replay", "--json", "--source", "feed-\(number)"] + feed.arguments + [path]
                #expect(try await reference.start(words).wait().code == 0)
                for lane in feed.lanes {
                    whole.append(PrefixCheck(feed, lane, try await reference.export(lane.symbol, lane.kind)))
                }
            }
            let seed = UInt64.random(in: 0...999_999)
            print("seed of the moments of the kills: \(seed)")
            let (progress, checks) = (Progress(), whole)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in feeds.indices {
                    group.addTask { try await feed(feeds[number], "feed-\(number)", desk, progress) }
                }
                for worker in 0..<2 {
                    group.addTask { try await compactKilling(desk, seed &+ UInt64(worker), progress, feeds.count) }
                }
                group.addTask { try await exportAll(checks, desk, progress, feeds.count) }
                try await group.waitForAll()
            }
            try await expectWhole(desk, reference, whole)
            let seen = progress.seen
            print("\(seen.kills) kills, \(seen.exports) exports; a feed waited \(seen.longestWait) at most")
            #expect(seen.kills >= Self.kills && seen.exports >= whole.count)
        }

        /// Sends a tape piece by piece, the next when compactions were killed often enough meanwhile.
        private func feed(_ feed: GrowingFeed, _ source: String, _ desk: Desk, _ progress: Progress) async throws {
            let words = ["replay", "--json", "--source", source] + feed.arguments + ["-"]
            let replay = try desk.start(words, input: .pipe)
            var sent = 0
            for piece in 1...Self.pieces {
                let goal = feed.data.count * piece / Self.pieces
                let end = feed.data[goal...].firstIndex(of: 10).map { $0 + 1 } ?? feed.data.count
                let start = ContinuousClock.now
                try await replay.send(feed.data[sent..<end])
                sent = end
                try await poll("piece \(piece) of \(source) is stored", within: .seconds(150)) {
                    let sources = try await desk.status().sources
                    return sources.contains { $0.source == source && $0.offset > end - 100_000 }
                }
                progress.note(wait: ContinuousClock.now - start)
                try await poll("kills", within: .seconds(150)) {
                    progress.seen.kills >= Self.kills * piece / Self.pieces
                }
            }
            replay.closeInput()
            let ending = try await replay.wait()
            #expect(ending.code == 0, "\(ending.error)")
            progress.note { $0.feedsDone += 1 }
        }

        private func compactKilling(_ desk: Desk, _ seed: UInt64, _ progress: Progress, _ feeds: Int) async throws {
            var random = SeededGenerator(seed: seed)
            let kinds = [["--all"], ["--grace", "0s"], ["--all", "--once"], ["--grace", "0s", "--once"]]
            while progress.seen.kills < Self.kills || progress.seen.feedsDone < feeds {
                let kind = kinds[Int.random(in: 0..<kinds.count, using: &random)]
                let process = try desk.start(["compact", "--json", "--every", "0s"] + kind)
                let moment = ContinuousClock.now + .seconds(Double.random(in: 0..<0.6, using: &random))
                while process.isRunning, ContinuousClock.now < moment { try await Task.sleep(for: .microseconds(200)) }
                process.kill()
                let ending = try await process.wait()
                if ending.signal == SIGKILL {
                    progress.note { $0.kills += 1 }
                } else {
                    #expect(ending.code == 0, "seed \(seed): \(ending.error)")
                }
            }
        }

        private func exportAll(
            _ whole: [PrefixCheck],
            _ desk: Desk,
            _ progress: Progress,
            _ feeds: Int
        ) async throws {
            var seen = [[Int: Int]](repeating: [:], count: whole.count)
            while progress.seen.feedsDone < feeds {
                for (number, check) in whole.enumerated() {
                    check.expectPrefix(try await desk.export(check.lane.symbol, check.lane.kind), &seen[number])
                    progress.note { $0.exports += 1 }
                }
                try await desk.verifyClean()
            }
        }

        private func expectWhole(_ desk: Desk, _ reference: Desk, _ whole: [PrefixCheck]) async throws {
            let start = ContinuousClock.now
            try await poll("nothing is left to compact", within: .seconds(150)) {
                try await desk.compact("--all").isIdle
            }
            print("the last compactions took \(ContinuousClock.now - start)")
            for check in whole {
                expectSame(try await desk.export(check.lane.symbol, check.lane.kind), check.whole, "\(check.lane)")
            }
            let report = try await desk.expectSound(events: try await reference.verifyClean().events)
            #expect(report.sealed == report.documents && report.replaced == 0)
            let bytes = try #require(try await desk.status().collections["market_data"]?.dataBytes)
            let bytesHot = try #require(try await reference.status().collections["market_data"]?.dataBytes)
            print("\(bytes) bytes; \(bytesHot) without compaction")
            #expect(bytes < bytesHot)
            #expect(try await desk.documents().count <= reference.documents().count)
        }

        @Test func aServerThatIsKilledLosesNothing() async throws {
            let server = try await LocalMongo.start(parameters: Self.parameters)
            defer { server.stop() }
            let tape = HourlyTape(events: 60_000, hours: 20, seed: 62, lateShare: 10)
            let (reference, desk) = (try await Desk(), try await Desk(at: server))
            try await reference.replay(tape: try reference.file("tape.ndjson", tape.data))
            let seed = UInt64.random(in: 0...999_999)
            print("seed of the moments of the kills: \(seed)")
            var random = SeededGenerator(seed: seed)
            let rounds = 6
            for round in 1...rounds {
                let events = tape.lines.count * round / rounds
                try await desk.replay(tape: try desk.file("tape.ndjson", tape.prefix(events)))
                let compaction = try desk.start(["compact", "--json", "--all"] + (round % 2 == 0 ? ["--once"] : []))
                let moment = ContinuousClock.now + .seconds(Double.random(in: 0..<0.5, using: &random))
                while ContinuousClock.now < moment { try await Task.sleep(for: .microseconds(200)) }
                server.kill()
                try await server.restart()
                if round % 2 == 1 {
                    #expect(compaction.isRunning, "it waits")
                    compaction.kill()
                    _ = try await compaction.wait()
                } else {
                    let ending = try await compaction.wait(within: .seconds(90))
                    #expect(ending.code == 0, "seed \(seed), round \(round): \(ending.error)")
                }
                try await desk.expectSound(events: events)
            }
            try await poll("nothing is left to compact", within: .seconds(90)) {
                try await desk.compact("--all").isIdle
            }
            for lane in tape.lanes {
                try await desk.expectUnchanged(try await reference.views(of: lane), "seed \(seed)")
            }
        }

        @Test func aServerThatStaysAwayEndsCompactionInTime() async throws {
            let server = try await LocalMongo.start()
            defer { server.stop() }
            let desk = try await Desk(at: server)
            let compaction = try desk.start(["compact", "--json", "--every", "0s", "--wait", "3"])
            try await poll("it runs") { try await desk.status().collections["market_data"] != nil }
            server.kill()
            let ending = try await compaction.wait()
            #expect(ending.code == 2)
            #expect(ending.error.contains("127.0.0.1:\(server.port)"), "\(ending.error)")
            try await server.restart()
            #expect(try await desk.compact().isIdle)
        }
    }
}

/// What the tasks of a test tell each other.
final class Progress: Sendable {
    struct Seen: Sendable {
        var kills = 0
        var exports = 0
        var feedsDone = 0
        var longestWait = Duration.zero
    }

    private let state = Mutex(Seen())

    var seen: Seen { state.withLock { $0 } }

    func note(_ change: @Sendable (inout Seen) -> Void) { state.withLock { change(&$0) } }

    func note(wait: Duration) { state.withLock { $0.longestWait = max($0.longestWait, wait) } }
}

/// Tells whether an export holds the beginning of a tape, window by window, and all of it once and in order.
///
/// Not the beginning of the tape as a whole: ingest changes the windows of a stretch together, but not in one
/// transaction, so for a moment, or as long as a killed compaction locks one of them, others may be ahead.
struct PrefixCheck: Sendable {
    let lane: Lane
    /// The export of the whole tape.
    let whole: Data
    private let isNumbered: Bool
    private let windows: [Int: Window]

    /// Rows of one window, in the order of an export, and where each stands in the tape.
    private struct Window {
        var rows: [ArraySlice<UInt8>] = []
        var places: [Int] = []
    }

    init(_ feed: GrowingFeed, _ lane: Lane, _ whole: Data) {
        self.lane = lane
        self.whole = whole
        isNumbered = feed.isNumbered
        windows = Self.windows(of: whole, isNumbered: feed.isNumbered)
    }

    private static func windows(of export: Data, isNumbered: Bool) -> [Int: Window] {
        var windows: [Int: Window] = [:]
        for (number, row) in export.rows.enumerated().dropFirst() {
            let time = row.prefix { $0 != UInt8(ascii: ",") }.reduce(0) { $0 * 10 + Int($1) - 48 }
            windows[time / Desk.hour, default: Window()].rows.append(row)
            windows[time / Desk.hour]?.places.append(isNumbered ? row.tapeLine : number)
        }
        return windows
    }

    /// Fails where an export is none that could have been made while the tape came in, behind an earlier export with
    /// `seen` rows in each window; those become what this one has.
    func expectPrefix(
        _ export: Data,
        _ seen: inout [Int: Int],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(export.last == 10, sourceLocation: sourceLocation)
        let found = Self.windows(of: export, isNumbered: isNumbered)
        for (window, count) in seen {
            let isThere = found[window].map { $0.rows.count >= count } ?? false
            #expect(isThere, "\(lane): what was there is gone from \(window)", sourceLocation: sourceLocation)
        }
        for (start, window) in found {
            seen[start] = window.rows.count
            let all = windows[start] ?? Window()
            let newest = all.places.sorted().dropFirst(window.rows.count - 1).first ?? -1
            let expected = zip(all.rows, all.places).filter { $1 <= newest }.map(\.0)
            guard window.rows != expected else { continue }
            expectSame(
                Data(window.rows.joined(separator: [10])),
                Data(expected.joined(separator: [10])),
                "\(lane)",
                sourceLocation: sourceLocation
            )
        }
    }
}
