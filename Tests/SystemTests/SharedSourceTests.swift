import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// Several daemons that share sources.
    @Suite(.timeLimit(.minutes(5)))
    struct SharedSourceTests {
        @Test func aPausedDaemonIsTakenOverAndStopsWhenItGoesOn() async throws {
            let shared = try await SharedDesk()
            // It belongs to the first, which gets it also where the second is faster.
            let (first, second) = (try shared.serve("one"), try shared.serve("two"))
            try await shared.waitUntilItStores(first)
            first.program.pause()
            try await shared.waitUntilItStores(second)
            first.program.resume()
            try await poll("it knows that the lease is lost", within: .seconds(60)) {
                first.log.contains("spot: lost lease ")
            }
            try await poll("it has the lease again, or waits", within: .seconds(60)) {
                try await first.source("spot")?["troubles"]?.elements.isEmpty ?? false
            }
            // The first takes it back when the second has stored everything.
            try await shared.waitUntilItStores(first)
            #expect(second.log.contains("spot: everything is stored: it is handed over"))
            for daemon in [first, second] { try await daemon.stop() }
            let holes = try await shared.expectWhole(takeovers: 3)
            #expect(!holes.isEmpty, "what came between the lease and the takeover is nobody's")
            #expect(try tapes(of: shared).isEmpty, "everything on the tapes is stored")
            try await shared.desk.verifyClean()
        }

        @Test func aKilledDaemonIsTakenOverAndWhatIsOnItsTapeIsNotLost() async throws {
            let shared = try await SharedDesk()
            let first = try shared.serve("one")
            try await shared.waitUntilItStores(first)
            let second = try shared.serve("two")
            try await poll("the second is there") { try await second.source("spot")?["lease"]?["owner"] != .null }
            let holder = try await shared.held(by: first).isEmpty ? second : first
            try await shared.waitUntilItStores(holder)
            try await holder.kill()
            let other = try await shared.held(by: first.program.isRunning ? first : second).isEmpty
            #expect(other, "both have it")
            let rest = first.program.isRunning ? first : second
            try await shared.waitUntilItStores(rest)
            let again = try shared.serve(rest.program === first.program ? "two" : "one")
            try await poll("what the killed one left is stored") {
                again.log.contains("has lease") || again.log.contains("what an earlier lease left")
            }
            try await rest.stop()
            try await shared.waitUntilItStores(again)
            try await again.stop()
            _ = try await shared.expectWhole(takeovers: 5)
            try await shared.desk.verifyClean()
        }

        @Test func sourcesAreSharedOutAndComeBack() async throws {
            let names = ["ada", "btc", "dot", "eth", "sol", "xrp"]
            let shared = try await SharedDesk(sources: names)
            let first = try shared.serve("one")
            try await poll("the only one has all", within: .seconds(60)) {
                try await shared.held(by: first) == Set(names)
            }
            for name in names { try await shared.waitUntilItStores(first, name) }
            let second = try shared.serve("two")
            try await poll("both have some, and nobody both", within: .seconds(60)) {
                let (one, two) = (try await shared.held(by: first), try await shared.held(by: second))
                return !two.isEmpty && one.isDisjoint(with: two) && one.union(two) == Set(names)
            }
            let moved = try await shared.held(by: second)
            for name in moved { try await shared.waitUntilItStores(second, name) }
            try await second.stop()
            try await poll("the first has all again", within: .seconds(60)) {
                try await shared.held(by: first) == Set(names)
            }
            for name in moved { try await shared.waitUntilItStores(first, name) }
            try await first.stop()
            for name in names {
                let holes = try await shared.expectWhole(name, takeovers: moved.contains(name) ? 2 : 0)
                // What nobody had in between is on record, number for number.
                #expect(try await gaps(of: name, shared) == holes.reduce(0) { $0 + $1.count }, "\(name): \(holes)")
            }
            try await shared.desk.verifyClean()
        }

        @Test func aNameIsTakenOnce() async throws {
            let shared = try await SharedDesk()
            let first = try shared.serve("one")
            try await shared.waitUntilItStores(first)
            let same = try shared.serve("one", state: "state-two")
            try await poll("it says so") { same.log.contains("another daemon is instance 'one'") }
            #expect(try await shared.held(by: same).isEmpty)
            let folder = try await shared.serve("three", state: "state-one").program.wait()
            #expect(folder.code == 2 && folder.error.contains("another daemon works in this folder"), "\(folder.error)")
            try await same.stop()
            try await first.stop()
            #expect(try await shared.expectWhole(takeovers: 0).isEmpty)
        }

        @Test(arguments: ["check-config", "serve"])
        func whoIsAssignedSourcesHasAName(_ verb: String) async throws {
            let desk = try await Desk()
            let text = "sources:\n  - { name: spot, venue: binance, symbols: [BTCUSDT], instance: one }\n"
            let ending = try await desk.runAlone(
                [verb, "--config", try desk.file("assigned.yaml", text)],
                environment: ["TAPEDESK_MONGO_URI": desk.uri]
            )
            #expect(ending.code == 2)
            #expect(
                ending.error.contains("'spot' is assigned to an instance, and 'service.instance' does not say"),
                "\(ending.error)"
            )
        }

        /// How many numbers are missing of a source's stream, by the gaps that are on record.
        private func gaps(of source: String, _ shared: SharedDesk) async throws -> Int {
            let status = try await shared.desk.status()
            return status.gaps.list.filter { $0.source.hasPrefix(source + "@") }.reduce(0) { $0 + $1.missing }
        }

        /// The tapes that are still there.
        private func tapes(of shared: SharedDesk) throws -> [String] {
            let root = shared.desk.folder
            let files = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
            // Of the lease that was given back last nothing is left but the empty segment that would go on.
            let folders = Set(files.filter { $0.hasSuffix(".tape") }.map { ($0 as NSString).deletingLastPathComponent })
            return folders.count > 1 ? folders.sorted() : []
        }
    }
}
