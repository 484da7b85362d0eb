import BSON
import Foundation
import Synchronization
import TestSupport
import Testing

extension SystemTests {
    /// Everybody works while chunks move from shard to shard.
    @Suite(.timeLimit(.minutes(15)))
    struct ChunkMigrationTests {
        /// How many chunks move: a few, unless `TAPEDESK_MIGRATIONS` says more.
        private static let moves = Int(ProcessInfo.processInfo.environment["TAPEDESK_MIGRATIONS"] ?? "") ?? 10
        /// For as long as that takes, and no longer: a busy shard takes its time.
        private static let secondsMax = max(60, 6 * moves)
        private static let recordingsMax = 40

        @Test(
            .enabled(
                if: FileManager.default.isExecutableFile(atPath: TicketLoadTests.bench),
                "there is no tapedesk-bench: run swift build -c release"
            )
        )
        func nothingIsLostOrDoubledWhileChunksMove() async throws {
            let cluster = try await LocalCluster.start(.sharded(shards: 2))
            let result: Result<Void, any Error>
            do {
                result = .success(try await work(on: cluster))
            } catch {
                result = .failure(error)
            }
            try await cluster.stop()
            try result.get()
        }

        private func work(on cluster: LocalCluster) async throws {
            let (desk, reference) = (try Desk(uri: cluster.uri), try await Desk())
            // Our movements only: those of the balancer would come in their way.
            try await cluster.command(["balancerStop": 1])
            let ready = try await desk.run("init")
            #expect(ready.code == 0, "\(ready.error)")
            let isOver = Flag()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await move(desk)
                    isOver.raise()
                }
                group.addTask { try await compact(desk, until: isOver) }
                group.addTask { try await worksAtTickets(desk) }
                try await replay(into: desk, reference, until: isOver)
                try await group.waitForAll()
            }
            let compacted = try await desk.run("compact", "--once", "--all", "--grace", "0s", "--json")
            #expect(compacted.code == 0, "\(compacted.error)")
            try await compare(desk, reference)
        }

        private final class Flag: Sendable {
            private let isUp = Atomic(false)
            func raise() { isUp.store(true, ordering: .releasing) }
            var isRaised: Bool { isUp.load(ordering: .acquiring) }
        }

        private func move(_ desk: Desk) async throws {
            let script = [try StorePython.path(), Product.oracle("move_chunks.py"), desk.uri, desk.database]
            let process = try ChildProcess(script + ["\(Self.moves)", "\(Self.secondsMax)"], folder: desk.folder)
            let ending = try await process.wait(within: .seconds(Self.secondsMax + 60))
            #expect(ending.code == 0, "\(ending.error)")
            print("chunks moved: \(ending.text)")
            let moved = ending.text.split(separator: " ").first.flatMap { Int($0) } ?? 0
            #expect(moved >= Self.moves, "\(ending.text)\(ending.error)")
        }

        /// Applies recording after recording, each into the database of reference, too.
        private func replay(into desk: Desk, _ reference: Desk, until isOver: Flag) async throws {
            for number in 1...Self.recordingsMax where number == 1 || !isOver.isRaised {
                let name = "feed-\(number).ndjson"
                let sample = try await Sample.make(events: 100_000, seed: number, in: desk.folder, name: name)
                for target in [desk, reference] {
                    let words = ["replay", "--json", "--source", name] + Sample.mapped + [sample.path]
                    let ending = try await target.start(words).wait(within: .seconds(180))
                    // 1: records were rejected, which are among the faults of the sample.
                    #expect(ending.code == 1, "\(ending.error)")
                }
            }
        }

        private func compact(_ desk: Desk, until isOver: Flag) async throws {
            while !isOver.isRaised {
                let ending = try await desk.start(["compact", "--once", "--grace", "0s", "--json"])
                    .wait(within: .seconds(180))
                #expect(ending.code == 0, "\(ending.error)")
            }
        }

        /// Fifty agents at a hundred tickets, and the model that knows what has to come of it.
        private func worksAtTickets(_ desk: Desk) async throws {
            let words = [
                TicketLoadTests.bench, "tickets", "--mongo", desk.uri, "--database",
                "bench_\(LocalMongo.uniqueDatabaseName())", "--agents", "50", "--tickets", "100", "--seconds", "10",
                "--connections", "8",
            ]
            let ending = try await ChildProcess(words, folder: desk.folder).wait(within: .seconds(300))
            #expect(ending.code == 0, "\(ending.text)\n\(ending.error)")
            #expect(ending.text.contains("Checked: nothing is wrong."))
        }

        private func compare(_ desk: Desk, _ reference: Desk) async throws {
            let verified = try await desk.verifyClean()
            #expect(try await reference.verifyClean().events == verified.events)
            let sample = try await Sample.make(events: 100_000, seed: 1, in: desk.folder)
            let (moved, whole) = (try await desk.exports(of: sample), try await reference.exports(of: sample))
            #expect(moved == whole)
        }
    }
}
