import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// The daemon, with a venue on loopback.
    @Suite(.timeLimit(.minutes(3)))
    struct ServeTests {
        @Test func killedDaemonsStoreWhatTheyRecordedOnce() async throws {
            let live = try await LiveDesk()
            let seed = UInt64.random(in: 0...999_999)
            print("seed of the moments of the kills: \(seed)")
            var random = SeededGenerator(seed: seed)
            for _ in 0..<10 {
                let daemon = try live.serve()
                let before = live.sent
                let count = Int.random(in: 1...6_000, using: &random)
                try await live.wait { live.sent >= before + count }
                daemon.kill()
                #expect(try await daemon.wait().signal == SIGKILL)
            }
            // The venue may still be sending to a daemon that is gone: the tape tells when this one has begun.
            let before = try live.recorded().count
            let daemon = try live.serve()
            try await live.wait { try live.recorded().count > before }
            try await live.settle()
            daemon.terminate()
            let ending = try await daemon.wait(within: .seconds(12))
            #expect(ending.code == 0, "\(ending.error)")
            try await live.expectStoresWhatWasRecorded()
        }

        @Test func aDatabaseThatIsAwayIsMadeUpFor() async throws {
            let server = try await LocalMongo.start()
            defer { server.stop() }
            let live = try await LiveDesk(at: server)
            let daemon = try live.serve()
            try await live.wait { await live.confirmed() > 1_000 }
            server.kill()
            let before = live.sent
            // Longer than the daemon waits for MongoDB before it says that it is away.
            try await live.wait { live.sent > before + 150_000 }
            #expect(daemon.isRunning)
            try await server.restart()
            let behind = live.sent
            try await live.wait { await live.confirmed() > behind }
            try await live.settle()
            daemon.terminate()
            let ending = try await daemon.wait(within: .seconds(12))
            #expect(ending.code == 0, "\(ending.error)")
            #expect(ending.error.contains("spot: nothing is stored, the tape goes on: no MongoDB server"))
            #expect(ending.error.contains("spot: goes on as it should"))
            #expect(ending.memoryMax < 256 << 20)
            try await live.expectStoresWhatWasRecorded()
        }

        @Test func itStartsWithoutADatabaseOnceThereIsATape() async throws {
            let server = try await LocalMongo.start()
            defer { server.stop() }
            let live = try await LiveDesk(at: server)
            let first = try live.serve()
            try await live.wait { await live.confirmed() > 100 }
            first.terminate()
            #expect(try await first.wait(within: .seconds(12)).code == 0)
            server.kill()
            let recorded = try live.recorded().count
            let second = try live.serve()
            try await live.wait { try live.recorded().count > recorded + 1_000 }
            second.terminate()
            #expect(try await second.wait(within: .seconds(12)).code == 0)
            try await server.restart()
            // What was recorded meanwhile is stored by the next one.
            let third = try live.serve()
            let target = try live.recorded().count
            try await live.wait { await live.confirmed() > target }
            try await live.settle()
            third.terminate()
            #expect(try await third.wait(within: .seconds(12)).code == 0)
            try await live.expectStoresWhatWasRecorded()
        }

        @Test func aLostTapeIsFollowedByANewOneAndNeverTakenUpAgain() async throws {
            let live = try await LiveDesk()
            let state = live.desk.folder + "/state"
            var stored: [Int] = []
            for round in 0..<2 {
                let daemon = try live.serve()
                let before = await live.confirmed()
                try await live.wait { await live.confirmed() > before + 500 }
                try await live.settle(behind: stored.count)
                daemon.terminate()
                let ending = try await daemon.wait(within: .seconds(12))
                #expect(ending.code == 0, "\(ending.error)")
                let recorded = try live.recorded()
                stored += recorded
                live.resume()
                try FileManager.default.moveItem(atPath: state, toPath: state + ".\(round)")
            }
            #expect(try await live.stored() == stored)
            try FileManager.default.moveItem(atPath: state + ".0", toPath: state)
            let ending = try await live.serve().wait()
            #expect(ending.code == 2 && ending.error.contains("\(state)/tapes/spot"), "\(ending.error)")
            #expect(try await live.stored() == stored)
            try await live.desk.verifyClean()
        }

        @Test func twoDaemonsDoNotShareATape() async throws {
            let live = try await LiveDesk()
            let first = try live.serve()
            try await live.wait { await live.confirmed() > 0 }
            let second = try await live.serve().wait()
            #expect(second.code == 2 && second.error.contains("another process writes this tape"), "\(second.error)")
            first.terminate()
            #expect(try await first.wait(within: .seconds(12)).code == 0)
        }

        @Test func whatIsRecordedOnlyIsReplayedLater() async throws {
            let live = try await LiveDesk()
            let folder = live.desk.folder + "/recording"
            for _ in 0..<2 {
                let ending = try await live.runAlone("record", "--to", folder, "--for", "1s")
                #expect(ending.code == 0 && ending.text.hasPrefix("spot: "), "\(ending.error)")
            }
            let tapes = folder + "/tapes/spot"
            let recorded = try live.recorded(in: tapes)
            let names = try FileManager.default.contentsOfDirectory(atPath: tapes).filter { $0.hasSuffix(".tape") }
            var whole = Data()
            for name in names.sorted() { whole += try Data(contentsOf: URL(filePath: tapes + "/" + name)) }
            let path = try live.desk.file("whole.tape", whole)
            let document = try await live.desk.replay(path)
            #expect(document.stored == recorded.count)
            #expect(try await live.stored() == recorded && recorded.count > 1_000)
        }

        @Test func aConfigurationIsExplained() async throws {
            let live = try await LiveDesk()
            let sound = try await live.runAlone("check-config")
            #expect(sound.code == 0, "\(sound.error)")
            #expect(sound.text == "source spot: trades of 1 symbol from binance\nThe configuration has no mistakes.\n")
            let mistaken = try await LiveDesk(options: "    when_ful: drop\n    tape_bytes: 8")
            let ending = try await mistaken.runAlone("check-config")
            #expect(ending.code == 2)
            #expect(ending.error.contains("unknown key 'when_ful'; did you mean 'when_full'?"), "\(ending.error)")
            #expect(ending.error.contains("8GB"))
            let served = try await mistaken.serve().wait()
            #expect(served.code == 2 && served.error.contains("when_ful"))
        }
    }
}
