import Foundation
import Testing

/// What `compact --json` and `restore --json` print.
private struct CompactDocument: Decodable {
    let sealed: Int
    let deleted: Int
    let events: Int
}

private struct RestoreDocument: Decodable {
    let restored: Int
    let alreadyThere: Int
    let events: Int

    private enum CodingKeys: String, CodingKey {
        case restored, events
        case alreadyThere = "already_there"
    }
}

extension SystemTests {
    /// Rules in a configuration delete old events; the archive brings them back as they were.
    @Suite(.timeLimit(.minutes(2)))
    struct RetentionTests {
        private static let map = "symbol=s,time=t,price=p,size=q,id=i"

        /// Trades of two instruments on two days of 2023.
        private static var feed: String {
            (0..<600).map { number in
                let time = 1_700_000_000_000 + number * 144_000
                let price = "\(40_000 + number % 7).\(number % 10)"
                let symbol = number % 3 == 0 ? "X/Y" : "Z"
                let trade = "\"t\":\(time),\"p\":\"\(price)\",\"q\":\"2.5\",\"i\":\(number)"
                return "{\"s\":\"\(symbol)\",\(trade)}\n"
            }
            .joined()
        }

        /// A desk with the feed in it, and the path of the feed and of a configuration.
        private func deskWithFeed() async throws -> (desk: Desk, feed: String, config: String) {
            let desk = try await Desk()
            let feed = try desk.file("feed.ndjson", Self.feed)
            try await desk.replay("--format", "ndjson", "--map", Self.map, feed)
            let config = try desk.file(
                "tapedesk.yaml",
                "retention:\n  archive: archive\n  rules:\n    - { venue: OTHER, kind: trade, keep: forever }\n"
                    + "    - { kind: trade, keep: 90d }\n"
            )
            return (desk, feed, config)
        }

        private func exports(_ desk: Desk) async throws -> [Data] {
            [try await desk.export("FILE:X/Y", "trade"), try await desk.export("FILE:Z", "trade")]
        }

        private func compact(_ desk: Desk, _ arguments: String...) async throws -> CompactDocument {
            let ending = try await desk.start(["compact", "--once", "--json"] + arguments).wait()
            #expect(ending.code == 0, "\(ending.error)")
            return try JSONDecoder().decode(CompactDocument.self, from: ending.output)
        }

        private func restore(_ desk: Desk, _ files: [String], exits code: Int32 = 0) async throws -> RestoreDocument {
            let ending = try await desk.start(["restore", "--json"] + files).wait()
            #expect(ending.code == code, "\(ending.error)")
            return try JSONDecoder().decode(RestoreDocument.self, from: ending.output)
        }

        private func archive(_ desk: Desk) throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: desk.folder + "/archive").sorted()
                .map { desk.folder + "/archive/" + $0 }
        }

        @Test func whatIsDeletedComesBackAsItWas() async throws {
            let (desk, feed, config) = try await deskWithFeed()
            let before = try await exports(desk)
            #expect(try await compact(desk).deleted == 0, "nothing is deleted without a rule")
            // What would be done is said, and not done.
            let plan = try await desk.run("compact", "--dry-run", "--config", config)
            #expect(plan.code == 0 && plan.text.contains("by the rule * trade 90d") && plan.text.contains("delete"))
            #expect(try await exports(desk) == before)
            // The archive is not there: nothing is deleted.
            let failed = try await desk.run("compact", "--once", "--config", config)
            #expect(failed.code == 2 && failed.error.contains("the archive failed"), "\(failed.error)")
            #expect(try await exports(desk) == before)

            try FileManager.default.createDirectory(
                atPath: desk.folder + "/archive",
                withIntermediateDirectories: false
            )
            let report = try await compact(desk, "--config", config)
            let files = try archive(desk)
            #expect(report.deleted > 0 && files.count == report.deleted)
            #expect(files.contains { $0.contains("/FILE-X-Y.trade.20231114T000000Z.") })
            #expect(try await exports(desk).allSatisfy { $0.split(separator: UInt8(ascii: "\n")).count == 1 })
            try await desk.verifyClean()
            #expect(try await compact(desk, "--config", config).deleted == 0)
            let replay = try await desk.replay("--format", "ndjson", "--map", Self.map, "--from-start", feed)
            #expect(replay.stored == 0)

            let restored = try await restore(desk, files)
            #expect(restored.restored == files.count && restored.events == 600 && restored.alreadyThere == 0)
            #expect(try await exports(desk) == before)
            try await desk.verifyClean()
            #expect(try await restore(desk, files).alreadyThere == files.count)
            #expect(try await compact(desk, "--config", config).deleted == 0, "it is kept for a while")
            #expect(try await exports(desk) == before)
        }

        @Test func anotherDatabaseGetsItToo() async throws {
            let (desk, _, config) = try await deskWithFeed()
            let before = try await exports(desk)
            try FileManager.default.createDirectory(
                atPath: desk.folder + "/archive",
                withIntermediateDirectories: false
            )
            _ = try await compact(desk, "--config", config)
            let other = try await Desk()
            #expect(try await restore(other, try archive(desk)).events == 600)
            #expect(try await exports(other) == before)
            try await other.verifyClean()
            // A restoration whose time is over is deleted again.
            #expect(try await restore(desk, try archive(desk) + ["--keep", "0s"]).events == 600)
            #expect(try await compact(desk, "--config", config).deleted > 0)
        }

        @Test func whatIsNoWholeFileIsRefused() async throws {
            let (desk, _, config) = try await deskWithFeed()
            try FileManager.default.createDirectory(
                atPath: desk.folder + "/archive",
                withIntermediateDirectories: false
            )
            _ = try await compact(desk, "--config", config)
            let files = try archive(desk)
            var bytes = try Data(contentsOf: URL(fileURLWithPath: try #require(files.first)))
            bytes[bytes.count / 2] ^= 1
            let damaged = try desk.file("damaged.tda", bytes)
            #expect(try await restore(desk, [damaged], exits: 1).restored == 0)
            // One that cannot be read counts more, and the others are restored all the same.
            let result = try await restore(desk, [damaged, "none.tda"] + files, exits: 2)
            #expect(result.restored == files.count)
            // The windows of another database were written there by a replay.
            let (other, _, _) = try await deskWithFeed()
            let ending = try await other.start(["restore"] + files).wait()
            #expect(ending.code == 2 && ending.error.contains("holds events of the same parts"), "\(ending.error)")
            try await other.verifyClean()
        }

        @Test func aRuleThatCannotBeMeantStopsTheCommand() async throws {
            let desk = try await Desk()
            let config = try desk.file("bad.yaml", "retention:\n  rules:\n    - { kind: trade, keep: 90 days }\n")
            let ending = try await desk.run("compact", "--once", "--config", config)
            #expect(
                ending.code == 2 && ending.error.contains("bad.yaml:3:28: '90 days' is no duration"),
                "\(ending.error)"
            )
        }
    }
}
