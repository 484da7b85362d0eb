import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// Whatever ends a replay of tickets, the next one makes what an uninterrupted one makes.
    @Suite(.serialized, .timeLimit(.minutes(3)))
    struct TicketReplayCrashTests {
        private static let roundsMax = 20

        /// Replays again and again, killing it at random moments, until it comes to its end.
        private func replayKilling(
            _ path: String,
            _ desk: Desk,
            _ whole: Duration,
            _ random: inout SeededGenerator
        ) async throws -> (kills: Int, document: TicketReplayDocument) {
            var kills = 0
            while true {
                let options = Int.random(in: 0..<4, using: &random) == 0 ? ["--from-start"] : []
                let process = try desk.start(["replay", "--json"] + options + [path])
                let moment = ContinuousClock.now + whole * Double.random(in: 0..<0.9, using: &random)
                while process.isRunning, ContinuousClock.now < moment { try await Task.sleep(for: .microseconds(200)) }
                // Far behind the expected number of kills, a replay does not get on.
                if kills < 30 { process.kill() }
                let ending = try await process.wait()
                guard ending.signal == SIGKILL else { return (kills, try TicketReplayDocument(ending)) }
                kills += 1
            }
        }

        private func replaysAddUp(_ path: String, killsMin: Int, exits code: Int32) async throws {
            let reference = try await Desk()
            let start = ContinuousClock.now
            let expected = try await reference.replayTickets(path, exits: code)
            let whole = ContinuousClock.now - start
            let picture = try await reference.ticketPicture()
            try await reference.verifyTickets()
            let seed = UInt64.random(in: 0...999_999)
            var random = SeededGenerator(seed: seed)
            var kills = 0
            var rounds = 0
            while kills < killsMin, rounds < Self.roundsMax {
                rounds += 1
                let desk = try await Desk()
                let result = try await replayKilling(path, desk, whole, &random)
                kills += result.kills
                #expect(result.document.counts == expected.counts, "seed \(seed), round \(rounds)")
                expectSame(try await desk.ticketPicture(), picture, "seed \(seed), round \(rounds)")
                try await desk.verifyTickets()
            }
            print("\(kills) kills of ticket replays in \(rounds) rounds, seed of the moments \(seed)")
            #expect(kills >= killsMin)
        }

        @Test func killedReplaysOfAFaultyFeedAddUp() async throws {
            let folder = try TemporaryFolder.make()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            // More than a megabyte, so that there are checkpoints on the way.
            let text = TicketFeed.lines(4_000, seed: 3, padding: 1_000).map { $0 + "\n" }.joined()
            try #require(text.utf8.count > 3 << 19)
            let path = folder + "/feed.ndjson"
            try text.write(toFile: path, atomically: false, encoding: .utf8)
            try await replaysAddUp(path, killsMin: 12, exits: 1)
        }

        @Test(.enabled(if: Product.hasSharedData, Comment(rawValue: Product.whyNoSharedData)))
        func killedReplaysOfARecordingAddUp() async throws {
            try await replaysAddUp(TicketRecording.serviceNow.path, killsMin: 10, exits: 0)
        }

        @Test func twoReplaysAtTheSameTimeStoreEverythingOnce() async throws {
            let reference = try await Desk()
            let path = try reference.file("feed", TicketFeed.lines(4_000, seed: 4).map { $0 + "\n" }.joined())
            let expected = try await reference.replayTickets(path, exits: 1)
            let picture = try await reference.ticketPicture()
            for round in 1...3 {
                let desk = try await Desk()
                let processes = try (1...2).map { _ in try desk.start(["replay", "--json", path]) }
                for process in processes {
                    let document = try TicketReplayDocument(try await process.wait())
                    #expect(document.counts == expected.counts, "round \(round)")
                }
                expectSame(try await desk.ticketPicture(), picture, "round \(round)")
                try await desk.verifyTickets()
            }
        }

        /// The server goes away in the middle: the replay waits for it, or the next one goes on.
        @Test func aServerThatIsKilledLosesNothing() async throws {
            let server = try await LocalMongo.start()
            defer { server.stop() }
            let reference = try await Desk()
            let path = try reference.file("feed", TicketFeed.lines(6_000, seed: 5).map { $0 + "\n" }.joined())
            try await reference.replayTickets(path, exits: 1)
            let picture = try await reference.ticketPicture()
            let desk = try await Desk(at: server)
            let process = try desk.start(["replay", "--json", path])
            try await poll("tickets are being stored") {
                try await desk.status().collections["support_requests"]?.documents ?? 0 > 0
            }
            try await server.restart()
            _ = try await process.wait()
            try await desk.replayTickets(path, exits: 1)
            expectSame(try await desk.ticketPicture(), picture)
            try await desk.verifyTickets()
        }
    }
}
