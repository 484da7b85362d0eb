import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// Backups as docs/operating.md describes them, taken while a replay runs.
    @Suite(.timeLimit(.minutes(3)))
    struct BackupTests {
        /// How far the checkpoints were, in records.
        private struct Progress {
            let atBeginning: Int
            let inBackup: Int
            let atEnd: Int

            init(_ line: String) throws {
                let numbers = line.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
                guard numbers.count == 3 else { throw HarnessError(description: "no progress: \(line)") }
                (atBeginning, inBackup, atEnd) = (numbers[0], numbers[1], numbers[2])
            }
        }

        /// A sample of some minutes, and what is stored of it in the end.
        private func reference(events: Int, seed: Int) async throws -> (Desk, Sample, exports: [Data]) {
            let desk = try await Desk()
            let sample = try await Sample.make(events: events, seed: seed, in: desk.folder)
            try await desk.replay(sample)
            try await desk.expectHolds(sample)
            return (desk, sample, try await desk.exports(of: sample))
        }

        /// Starts a replay that takes some seconds, and waits until it has stored something.
        private func startReplay(_ sample: Sample, _ desk: Desk, speed: String) async throws -> ChildProcess {
            let words = ["replay", "--json", "--speed", speed] + Sample.mapped + [sample.path]
            let process = try desk.start(words)
            let deadline = ContinuousClock.now + .seconds(30)
            while (try? await desk.status().sources.first?.records) ?? 0 == 0 {
                guard process.isRunning, ContinuousClock.now < deadline else {
                    process.kill()
                    throw HarnessError(description: "nothing is stored: \(try await process.wait().error)")
                }
                try await Task.sleep(for: .milliseconds(20))
            }
            return process
        }

        /// The replay goes on from what was restored, and everything is there once.
        private func expectMadeWhole(_ desk: Desk, _ sample: Sample, _ expected: [Data]) async throws {
            let before = try await desk.verifyClean().events
            #expect((1..<sample.manifest.events).contains(before), "it was taken in the middle")
            let replayed = try await desk.replay(sample)
            #expect(replayed.stored == sample.manifest.events - before, "nothing was lost")
            try await desk.expectHolds(sample)
            for (actual, wanted) in zip(try await desk.exports(of: sample), expected) { expectSame(actual, wanted) }
            let candles = try await desk.run("verify", "--candles")
            #expect(candles.code == 0, "\(candles.text)")
        }

        /// Files of a server that takes no writes while they are copied.
        @Test func filesOfALockedServer() async throws {
            let (reference, sample, expected) = try await reference(events: 400_000, seed: 51)
            let server = try await LocalMongo.start()
            defer { server.stop() }
            let desk = try await Desk(at: server)
            let replay = try await startReplay(sample, desk, speed: "40x")
            let copy = reference.folder + "/copy"
            _ = try await desk.oracle("backup.py", ["lock-copy", server.dataFolder, copy])
            #expect(replay.isRunning, "the copy was made in the middle of it")
            #expect(try await replay.wait().code == 1, "it only waited")
            try await desk.expectHolds(sample)
            try await restore(copy, to: server)
            try await expectMadeWhole(desk, sample, expected)
        }

        /// A daemon goes on with a restored database from what its tape still has.
        @Test func aDaemonAfterARestore() async throws {
            let server = try await LocalMongo.start()
            defer { server.stop() }
            let live = try await LiveDesk(at: server)
            let first = try live.serve()
            try await live.wait { await live.confirmed() > 2_000 }
            let copy = live.desk.folder + "/copy"
            _ = try await live.desk.oracle("backup.py", ["lock-copy", server.dataFolder, copy])
            let behind = live.sent
            try await live.wait { await live.confirmed() > behind }
            first.terminate()
            #expect(try await first.wait(within: .seconds(12)).code == 0)
            let stored = try await live.stored().count
            try await restore(copy, to: server)
            #expect(try await (1..<stored).contains(live.desk.verifyClean().events))
            let second = try live.serve()
            try await live.wait { await live.confirmed() > stored }
            try await live.settle()
            second.terminate()
            #expect(try await second.wait(within: .seconds(12)).code == 0)
            try await live.expectStoresWhatWasRecorded()
        }

        private func restore(_ copy: String, to server: LocalMongo) async throws {
            server.kill()
            try FileManager.default.removeItem(atPath: server.dataFolder)
            try FileManager.default.moveItem(atPath: copy, toPath: server.dataFolder)
            try await server.restart()
        }

        /// Documents, one collection after the other, while everything moves on: at one moment, or in an order that
        /// is safe.
        @Test(arguments: ["snapshot", "ordered"]) func documents(_ how: String) async throws {
            let (reference, sample, expected) = try await reference(events: 400_000, seed: 52)
            let dump = reference.folder + "/dump"
            let progress = try await self.dump(sample, how, to: dump)
            let restored = try await load(dump)
            #expect(progress.atBeginning <= progress.inBackup && progress.inBackup < progress.atEnd)
            try await expectMadeWhole(restored, sample, expected)
        }

        /// The same in a wrong order loses events: that the test above can fail.
        @Test func checkpointsThatComeLastLoseEvents() async throws {
            let (reference, sample, expected) = try await reference(events: 400_000, seed: 53)
            let dump = reference.folder + "/dump"
            _ = try await self.dump(sample, "late", to: dump)
            let trusting = try await load(dump)
            try await trusting.replay(sample)
            #expect(try await trusting.verifyClean().events < sample.manifest.events)
            // What the guide advises where one cannot be sure of a backup.
            let careful = try await load(dump)
            try await careful.replay(sample, "--from-start")
            try await careful.expectHolds(sample)
            for (actual, wanted) in zip(try await careful.exports(of: sample), expected) { expectSame(actual, wanted) }
        }

        /// Reads a database slowly while a replay writes to it, and ends the replay.
        private func dump(_ sample: Sample, _ how: String, to folder: String) async throws -> Progress {
            let desk = try await Desk()
            let replay = try await startReplay(sample, desk, speed: "40x")
            let line = try await desk.oracle("backup.py", ["dump", desk.database, folder, how])
            replay.kill()
            _ = try await replay.wait()
            return try Progress(line)
        }

        /// A new database with what was read.
        private func load(_ folder: String) async throws -> Desk {
            let restored = try await Desk()
            #expect(try await restored.run("init").code == 0)
            _ = try await restored.oracle("backup.py", ["load", restored.database, folder])
            return restored
        }
    }
}
