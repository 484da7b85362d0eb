import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// Exactly once: whatever ends a replay, the next one makes what an uninterrupted one makes.
    @Suite(.serialized, .timeLimit(.minutes(2)))
    struct CrashTests {
        private static let killsMin = 30
        private static let roundsMax = 40

        @Test func killedReplaysAddUpToAnUninterruptedOne() async throws {
            let reference = try await Desk()
            let sample = try await Sample.make(events: 1_000_000, seed: 11, in: reference.folder)
            let start = ContinuousClock.now
            try await reference.replay(sample)
            let whole = ContinuousClock.now - start
            try await reference.expectHolds(sample)
            let expected = try await reference.exports(of: sample)

            let seed = UInt64.random(in: 0...999_999)
            print("seed of the moments of the kills: \(seed)")
            var random = SeededGenerator(seed: seed)
            var kills = 0
            var rounds = 0
            while kills < Self.killsMin, rounds < Self.roundsMax {
                rounds += 1
                let desk = try await Desk()
                kills += try await replayKilling(sample, desk, whole, &random)
                try await desk.expectHolds(sample)
                for (actual, wanted) in zip(try await desk.exports(of: sample), expected) {
                    expectSame(actual, wanted, "seed \(seed), round \(rounds)")
                }
            }
            print("\(kills) kills in \(rounds) rounds")
            #expect(kills >= Self.killsMin)
        }

        /// Starts the replay again and again, killing it at random moments, until it comes to its end.
        private func replayKilling(
            _ sample: Sample,
            _ desk: Desk,
            _ whole: Duration,
            _ random: inout SeededGenerator
        ) async throws -> Int {
            var kills = 0
            while true {
                // Sometimes from the start: what is stored must not be stored again.
                let options = Int.random(in: 0..<4, using: &random) == 0 ? ["--from-start"] : []
                let process = try desk.start(["replay", "--json"] + Sample.mapped + options + [sample.path])
                let moment = ContinuousClock.now + whole * Double.random(in: 0..<0.7, using: &random)
                while process.isRunning, ContinuousClock.now < moment { try await Task.sleep(for: .microseconds(200)) }
                process.kill()
                let ending = try await process.wait()
                guard ending.signal == SIGKILL else {
                    #expect(ending.code == 1, "it ends as an uninterrupted one: \(ending.error)")
                    let document = try ReplayDocument(ending)
                    #expect(document.complete)
                    #expect(document.records == sample.manifest.records)
                    return kills
                }
                kills += 1
                // Far behind the expected number of kills, a replay does not get on.
                guard kills < 60 else {
                    try await desk.replay(sample)
                    return kills
                }
            }
        }

        @Test func twoReplaysAtTheSameTimeStoreEverythingOnce() async throws {
            let reference = try await Desk()
            let sample = try await Sample.make(events: 400_000, seed: 12, in: reference.folder)
            try await reference.replay(sample)
            let expected = try await reference.exports(of: sample)
            for round in 1...4 {
                let desk = try await Desk()
                let arguments = ["replay", "--json"] + Sample.mapped + [sample.path]
                let first = try desk.start(arguments)
                let second = try desk.start(arguments)
                let endings = [try await first.wait(), try await second.wait()]
                for ending in endings { #expect(ending.code == 1, "rejected records only: \(ending.error)") }
                let documents = try endings.map { try ReplayDocument($0) }
                // Where one run moved a bucket on before the other had asked what became of its own change, both find
                // the events stored already: each event is counted by one run at most.
                let stored = documents.map(\.stored).reduce(0, +)
                #expect((1...sample.manifest.events).contains(stored), "round \(round)")
                #expect(documents.allSatisfy { $0.complete && $0.records == sample.manifest.records })
                try await desk.expectHolds(sample)
                for (actual, wanted) in zip(try await desk.exports(of: sample), expected) {
                    expectSame(actual, wanted, "round \(round)")
                }
            }
        }
    }
}
