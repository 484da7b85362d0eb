import BSON
import DocumentStore
import SimulatedStore
import Testing

@testable import Tickets

/// Histories that grow beyond what a ticket holds; every text is 300 KB, so the fourth archives what is before it.
@Suite struct ArchiveTests {
    @Test func longHistoryMovesToTheArchiveAndStaysWhole() async throws {
        let stand = DeskStand()
        let id = try await RichHistory.makeLong(stand, comments: 12)
        let ticket = try #require(try await stand.desk().ticketWithHistory(id))
        #expect(ticket.events.map(\.sequence) == Array(1...13))
        #expect(ticket.comments.map(\.text) == (0..<12).map(RichHistory.longText))
        #expect(ticket.archives.count >= 2)
        let document = try #require(stand.document(id))
        let kept = document.storedEvents
        #expect(document["history_bytes"]?.integer == Int64(kept.reduce(0) { $0 + $1.bytes.count }))
        #expect(document.bytes.count < 2 * 1024 * 1024)
        #expect(kept.first?.sequenceNumber == ticket.archivedThrough + 1)
        let archives = stand.store.documents(in: SupportHistoryCollection.name)
        #expect(archives.flatMap { $0.storedEvents.map(\.sequenceNumber) } == Array(1...ticket.archivedThrough))
        #expect(archives.allSatisfy { $0["ticket"]?.string == id })
        await expectClean(stand)
    }

    @Test func shortHistoryStays() async throws {
        let stand = DeskStand()
        try await RichHistory.make(stand)
        #expect(stand.store.documents(in: SupportHistoryCollection.name).isEmpty)
    }

    @Test func oneLargeEventStays() async throws {
        let stand = DeskStand()
        let large = String(repeating: "y", count: TicketLimits.textBytesMax)
        var new = NewTicket.about()
        new.description = large
        let id = try await stand.desk().create(new, by: "ann").id
        let other = String(repeating: "z", count: TicketLimits.textBytesMax)
        for text in [other, large, other] {
            let outcome = try await stand.desk().save(.set(.description, .string(text)), on: id, by: "ann")
            #expect(outcome.savedTicket != nil)
        }
        #expect(try await stand.history(id).map(\.sequence) == [1, 2, 3, 4])
        await expectClean(stand)
    }

    /// Stops after every operation of the save that archives, with the last answer given or lost.
    @Test(arguments: [false, true]) func historyIsWholeAtEveryCrashPoint(isReplyLost: Bool) async throws {
        let full = DeskStand()
        let id = try await RichHistory.makeLong(full, comments: 4)
        #expect(try await full.desk().find(id)?.archives.isEmpty == true)
        let whole = try await full.tampered { _, document in document }
        let before = whole.store.operationCount
        _ = try await whole.desk().save(.comment("the last straw"), on: id, by: "bob")
        #expect(try await whole.desk().find(id)?.archives.count == 1)
        for number in 1...(whole.store.operationCount - before) {
            let stand = try await full.tampered { _, document in document }
            stand.store.crashAfter(number, lastReplyLost: isReplyLost)
            let outcome = try? await stand.desk().save(.comment("the last straw"), on: id, by: "bob")
            stand.store.revive()
            await expectClean(stand)
            let versions = try await stand.history(id).map(\.sequence)
            #expect(versions == Array(1...5) || versions == Array(1...6), "crash after \(number)")
            if outcome?.savedTicket != nil { #expect(versions.count == 6, "crash after \(number)") }
            _ = try await stand.desk().save(.comment("and another"), on: id, by: "bob")
            let texts = try await stand.desk().ticketWithHistory(id)?.comments.compactMap(\.text) ?? []
            #expect(Array(texts.prefix(4)) == (0..<4).map(RichHistory.longText), "crash after \(number)")
            #expect(texts.last == "and another", "crash after \(number)")
            await expectClean(stand)
        }
    }

    /// Readers see a whole history at any moment while others archive it.
    @Test func readersSeeWholeHistories() async throws {
        for seed in Seeds.list(1...12) {
            let stand = DeskStand(seed: seed)
            let id = try await stand.desk().create(.about(), by: "ann").id
            let scheduler = SimulatedScheduler(seed: seed)
            let problems = Mutexed([String]())
            let writers = Mutexed(2)
            for writer in 0..<2 {
                let desk = stand.desk()
                scheduler.start {
                    for number in 0..<4 {
                        _ = try? await desk.save(.comment(RichHistory.longText(number)), on: id, by: "w\(writer)")
                    }
                    writers.with { $0 -= 1 }
                }
            }
            let reader = stand.desk()
            scheduler.start {
                while writers.with({ $0 }) > 0 {
                    guard let ticket = try? await reader.ticketWithHistory(id) else { continue }
                    var previous = EventChain.start
                    for event in ticket.events {
                        if event.previousHash != previous { problems.with { $0.append("a hole") } }
                        previous = event.hash
                    }
                    if previous != ticket.headHash || Int64(ticket.events.count) != ticket.version {
                        problems.with { $0.append("\(ticket.events.count) events of version \(ticket.version)") }
                    }
                }
            }
            scheduler.run()
            #expect(problems.with { $0 } == [], "seed \(seed)")
            #expect(try await stand.history(id).count == 9, "seed \(seed)")
            let listed = try await stand.desk().find(id)?.archives.count ?? 0
            // Whoever lost the race to archive took its document away.
            #expect(stand.store.documents(in: SupportHistoryCollection.name).count == listed, "seed \(seed)")
            #expect(listed >= 1, "seed \(seed)")
            await expectClean(stand)
        }
    }

    /// Archiving while replies are lost, requests come late and servers are away.
    @Test func archivingUnderFaults() async throws {
        for seed in Seeds.list(1...25) {
            let stand = DeskStand(seed: seed)
            let id = try await stand.desk().create(.about(), by: "ann").id
            stand.store.faults = .all(0.1)
            let scheduler = SimulatedScheduler(seed: seed)
            let saved = Mutexed([String]())
            for writer in 0..<2 {
                let desk = stand.desk()
                scheduler.start {
                    for number in 0..<4 {
                        let name = "w\(writer)n\(number)"
                        let save = try? await desk.save(.comment(RichHistory.longText(number)), on: id, by: name)
                        if save?.savedTicket != nil { saved.with { $0.append(name) } }
                    }
                }
            }
            scheduler.run()
            await expectClean(stand)
            stand.store.faults = FaultPlan()
            let actors = try await stand.history(id).compactMap(\.actor)
            #expect(Set(actors).count == actors.count, "seed \(seed)")
            #expect(Set(actors).isSuperset(of: saved.with { $0 }), "seed \(seed)")
        }
    }
}
