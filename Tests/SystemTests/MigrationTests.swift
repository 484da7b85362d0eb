import Foundation
import TestSupport
import Testing

extension Desk {
    /// Makes documents those of another version of the program, or counts them: see `Oracles/schema_versions.py`.
    @discardableResult
    func schemaVersions(_ words: String...) async throws -> String {
        try await oracle("schema_versions.py", [database] + words)
    }

    /// Runs a script with pymongo, which has to succeed, and returns what it prints.
    func oracle(_ name: String, _ arguments: [String]) async throws -> String {
        let port = uri.split(separator: ":").last?.prefix { $0 != "/" } ?? ""
        let words = [try StorePython.path(), Product.oracle(name), String(port)] + arguments
        let ending = try await ChildProcess(words, folder: folder).wait(within: .seconds(120))
        guard ending.code == 0 else { throw HarnessError(description: "\(words): \(ending.error)") }
        return ending.text
    }

    fileprivate func migrate(_ arguments: String..., exits code: Int32 = 0) async throws -> JSON {
        let ending = try await start(["migrate", "--json"] + arguments).wait()
        #expect(ending.code == code, "\(ending.text)\(ending.error)")
        return try JSON(ending.text)
    }
}

extension SystemTests {
    /// Several versions of the program beside each other, and `tapedesk migrate`.
    @Suite(.timeLimit(.minutes(3)))
    struct MigrationTests {
        /// Many buckets: one for each instrument and hour.
        private let tape = HourlyTape(events: 12_000, hours: 400, seed: 71, symbols: ["A", "B-2", "C"])

        private func desk() async throws -> (Desk, path: String) {
            let desk = try await Desk()
            let path = try desk.file("tape.ndjson", tape.data)
            try await desk.replay(tape: path)
            return (desk, path)
        }

        private func exports(_ desk: Desk) async throws -> [Data] {
            var exports: [Data] = []
            for lane in tape.lanes { exports.append(try await desk.export(lane.symbol, lane.kind)) }
            return exports
        }

        private func older(_ report: JSON) -> Int? { report["collections"]?.elements.first?["older"]?.integer }

        @Test func aDryRunChangesNothing() async throws {
            let (desk, _) = try await desk()
            let count = try await desk.documents().count
            try await desk.schemaVersions("first-layout")
            let before = try await desk.schemaVersions("digest", "market_data")
            let report = try await desk.migrate("--dry-run", "--collection", "market_data")
            #expect(report["dry_run"] == .bool(true) && older(report) == count)
            #expect(report["collections"]?.elements.count == 1)
            #expect(try await desk.schemaVersions("digest", "market_data") == before)
            let text = try await desk.run("migrate", "--dry-run")
            #expect(text.code == 0 && text.lines.count == 14)
            #expect(count == 1_200 && text.text.contains("1,200 of version 1; 1,200 would be brought up to version 2"))
        }

        @Test func itIsKilledAndRunAgainBesideAReplay() async throws {
            let (desk, path) = try await desk()
            let expected = try await exports(desk)
            let count = try await desk.documents().count
            var kills = 0
            for _ in 0..<6 where kills < 2 {
                try await desk.schemaVersions("first-layout")
                let process = try desk.start(["migrate", "--json"])
                let deadline = ContinuousClock.now + .seconds(20)
                var left = count
                while left == count, process.isRunning, ContinuousClock.now < deadline {
                    left = try JSON(await desk.schemaVersions("count", "market_data"))["1"]?.integer ?? 0
                }
                process.kill()
                let isKilled = try await process.wait().signal == SIGKILL
                if isKilled, (1..<count).contains(left) { kills += 1 }
                // It is read as it is, and brought up by two at once, beside a replay of the same tape.
                let others = [
                    try desk.start(["migrate", "--json"]), try desk.start(["migrate", "--json"]),
                    try desk.start(["replay", "--json", "--from-start"] + HourlyTape.mapped + [path]),
                ]
                for other in others { #expect(try await other.wait().code == 0) }
                #expect(try JSON(await desk.schemaVersions("count", "market_data"))["2"]?.integer == count)
                #expect(try await desk.verifyClean().events == 12_000)
            }
            print("\(kills) kills in the middle")
            for (actual, wanted) in zip(try await exports(desk), expected) { expectSame(actual, wanted) }
            _ = try await desk.compact("--all")
            for (actual, wanted) in zip(try await exports(desk), expected) { expectSame(actual, wanted) }
            #expect(older(try await desk.migrate("--collection", "market_data")) == 0)
        }

        /// Every command meets documents that a newer program wrote: it says so, and changes nothing.
        @Test func whatANewerProgramWroteIsRefusedAndLeft() async throws {
            let (desk, path) = try await desk()
            try await desk.schemaVersions("set", "market_data", "3")
            let before = try await desk.schemaVersions("digest", "market_data")
            let replay = try await desk.start(["replay", "--from-start"] + HourlyTape.mapped + [path]).wait()
            let export = try await desk.run("export", "--symbol", "HOURLY:A", "--kind", "trade")
            let verify = try await desk.run("verify", "--quarantine")
            for ending in [replay, export, verify] {
                #expect(ending.code == 2)
                #expect(ending.error.contains("newer version of Tapedesk"), "\(ending.error)")
                #expect(ending.error.contains("upgrade this program"), "\(ending.error)")
            }
            #expect(try await desk.compact("--all").left == 3)
            let report = try await desk.migrate("--collection", "market_data", exits: 1)
            #expect(report["collections"]?.elements.first?["newer"]?.integer == 1_200)
            #expect(try await desk.schemaVersions("digest", "market_data") == before)
            // The program is upgraded: nothing is lost, and nothing there twice.
            try await desk.schemaVersions("set", "market_data", "2")
            #expect(try await desk.replay(tape: path, "--from-start").stored == 0)
            #expect(try await desk.verifyClean().events == 12_000)
        }

        /// A daemon that is older than what it finds goes on recording, and stores when it is upgraded.
        @Test func aDaemonThatIsTooOldRecordsOn() async throws {
            let live = try await LiveDesk()
            let daemon = try live.serve()
            try await live.wait { await live.confirmed() > 1_000 }
            try await live.desk.schemaVersions("set", "market_data", "3")
            let behind = live.sent
            try await live.wait { live.sent > behind + 20_000 }
            #expect(daemon.isRunning)
            try await live.desk.schemaVersions("set", "market_data", "2")
            let then = live.sent
            try await live.wait { await live.confirmed() > then }
            try await live.settle()
            daemon.terminate()
            let ending = try await daemon.wait(within: .seconds(12))
            #expect(ending.code == 0, "\(ending.error)")
            #expect(ending.error.contains("spot: nothing is stored, the tape goes on: 'spot|trade|BINANCE:BTCUSDT|"))
            #expect(ending.error.contains("upgrade this program"))
            try await live.expectStoresWhatWasRecorded()
        }

        @Test func anUnknownCollectionIsWrongUsage() async throws {
            let desk = try await Desk()
            let ending = try await desk.run("migrate", "--collection", "markets")
            #expect(ending.code == 64 && ending.error.contains("there is no collection 'markets'"))
        }
    }
}
