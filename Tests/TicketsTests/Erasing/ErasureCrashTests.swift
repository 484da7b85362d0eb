import BSON
import DocumentStore
import SimulatedStore
import Testing

@testable import Tickets

/// Erasures that are killed, and others who work meanwhile.
@Suite struct ErasureCrashTests {
    private typealias Scene = ErasureScene

    /// Stops after every operation, with the last answer given or lost; running it again finishes.
    @Test(arguments: [false, true]) func killedErasureIsFinishedByAnother(isReplyLost: Bool) async throws {
        func prepared() async throws -> DeskStand {
            let stand = DeskStand()
            try await Scene.make(stand)
            try await Scene.makeImported(stand)
            return stand
        }
        let whole = try await prepared()
        let before = whole.store.operationCount
        _ = try await whole.desk().erase(Scene.jo, by: "officer")
        let operations = whole.store.operationCount - before
        #expect(operations > 15)
        for number in 1...operations {
            let stand = try await prepared()
            stand.store.crashAfter(number, lastReplyLost: isReplyLost)
            let first = try? await stand.desk().erase(Scene.jo, by: "officer")
            stand.store.revive()
            await expectClean(stand)
            _ = try await stand.desk().erase(Scene.jo, by: "officer")
            #expect(stand.stored(Scene.joWords) == [], "killed after \(number)")
            #expect(stand.stored(Scene.kimWords) == Scene.kimWords, "killed after \(number)")
            let complete = stand.receipts.filter { $0["is_complete"] == true }
            #expect(complete.count >= (first == nil ? 1 : 2), "killed after \(number)")
            await expectClean(stand)
        }
    }

    @Test(arguments: [false, true]) func killedErasureOfAnArchiveIsFinished(isReplyLost: Bool) async throws {
        let full = DeskStand()
        try await RichHistory.makeLong(full, requester: Scene.jo, comments: 5)
        let whole = try await full.tampered { _, document in document }
        let before = whole.store.operationCount
        _ = try await whole.desk().erase(Scene.jo, by: "officer")
        for number in 1...(whole.store.operationCount - before) {
            let stand = try await full.tampered { _, document in document }
            stand.store.crashAfter(number, lastReplyLost: isReplyLost)
            _ = try? await stand.desk().erase(Scene.jo, by: "officer")
            stand.store.revive()
            if number % 3 == 0 { _ = try await stand.desk().save(.comment("between"), on: "1", by: "bob") }
            _ = try await stand.desk().erase(Scene.jo, by: "officer")
            let left = stand.stored(["zander", "chapter0", "chapter1", "chapter4"])
            #expect(left == [], "killed after \(number)")
            await expectClean(stand)
        }
    }

    @Test func erasureUnderFaults() async throws {
        for seed in Seeds.list(1...60) {
            let stand = DeskStand(seed: seed)
            try await Scene.make(stand)
            stand.store.faults = .all(0.1)
            for _ in 0..<3 { _ = try? await stand.desk().erase(Scene.jo, by: "officer") }
            stand.store.deliverLateChanges()
            stand.store.faults = FaultPlan()
            _ = try await stand.desk().erase(Scene.jo, by: "officer")
            #expect(stand.stored(Scene.joWords) == [], "seed \(seed)")
            #expect(stand.stored(Scene.kimWords.dropLast()) == Scene.kimWords.dropLast(), "seed \(seed)")
            await expectClean(stand)
        }
    }

    /// Agents comment while the erasure runs: what comes before it goes, what comes after stays, and nothing is lost.
    @Test func commentsDuringAnErasure() async throws {
        for seed in Seeds.list(1...80) {
            let stand = DeskStand(seed: seed)
            let id = try await stand.desk().create(.about("jozsubject", by: Scene.jo), by: "ann").id
            let scheduler = SimulatedScheduler(seed: seed)
            let saved = Mutexed([String]())
            for agent in 0..<3 {
                let desk = stand.desk()
                scheduler.start {
                    for number in 0..<3 {
                        let name = "agent\(agent)x\(number)"
                        let outcome = try? await desk.save(.comment("jozcomment \(name)"), on: id, by: name)
                        if outcome?.savedTicket != nil { saved.with { $0.append(name) } }
                    }
                }
            }
            let eraser = stand.desk()
            let isDone = Mutexed(false)
            scheduler.start {
                if (try? await eraser.erase(Scene.jo, by: "officer")) != nil { isDone.with { $0 = true } }
            }
            scheduler.run()
            #expect(isDone.with { $0 }, "seed \(seed)")
            let events = try await stand.history(id)
            let erasure = try #require(events.last { $0.operation == .erase }).sequence
            #expect(Set(events.compactMap(\.actor)).isSuperset(of: saved.with { $0 }), "seed \(seed)")
            #expect(saved.with { $0 }.count == 9, "seed \(seed)")
            for event in events where event.operation == .comment {
                let text = event.change(of: .comment)?.change.to.string
                #expect((text == nil) == (event.sequence < erasure), "seed \(seed), event \(event.sequence)")
            }
            #expect(stand.stored(["zander", "jozsubject"]) == [], "seed \(seed)")
            await expectClean(stand)
        }
    }

    /// An agent's program is killed while it moves events into the archive, and the erasure comes meanwhile: the
    /// archive document that no ticket lists is erased too.
    @Test func archiveThatAKilledProgramLeftBehindIsErased() async throws {
        let full = DeskStand()
        let id = try await RichHistory.makeLong(full, requester: Scene.jo, comments: 4)
        for seed in Seeds.list(1...30) {
            let copy = try await full.tampered { _, document in document }
            let stand = DeskStand(seed: seed, firstProcess: 20_000, store: copy.store)
            let scheduler = SimulatedScheduler(seed: seed)
            let killed = stand.desk(over: LimitedStore(stand.store, operations: 2 + Int(seed % 5)))
            let eraser = stand.desk()
            scheduler.start { _ = try? await killed.save(.comment("straw"), on: id, by: "bob") }
            scheduler.start { _ = try? await eraser.erase(Scene.jo, by: "officer") }
            scheduler.run()
            _ = try await stand.desk().erase(Scene.jo, by: "officer")
            #expect(stand.stored(["zander", "chapter0", "chapter1"]) == [], "seed \(seed)")
            await expectClean(stand)
        }
    }
}
