import BSON
import DocumentStore
import SimulatedStore
import Synchronization
import Testing

@testable import Tickets

/// Imports beside agents, other imports, and long histories.
@Suite struct TicketImportRaceTests {
    private static let id = TicketImporter.id(source: TicketImportStand.source, externalID: "A")

    @Test func anAgentsChangeBetweenTwoImportsStays() async throws {
        let stand = TicketImportStand()
        try await stand.apply([.create(), .change(2, [(.status, "open")])])
        let intent = TicketIntent(.set, assignments: [.init(.assignee, "mia"), .init(.priority, "high")])
        _ = try await stand.desk().save(intent, on: Self.id, by: "mia")
        try await stand.apply([.create(), .change(2, [(.status, "open")]), .change(3, [(.priority, "low")])])
        let ticket = try await stand.ticket()
        #expect(ticket.operations == [.create, .import, .set, .import])
        #expect(ticket[.assignee] == "mia" && ticket[.priority] == "low" && ticket[.status] == "open")
        #expect(ticket.events[2].origin == nil)
        try await stand.expectClean()
    }

    @Test func anAgentsChangeIsWhatAnExpectedVersionCollidesWith() async throws {
        let stand = TicketImportStand()
        try await stand.apply([.create()])
        _ = try await stand.desk().save(.init(.set, assignments: [.init(.status, "open")]), on: Self.id, by: "mia")
        let steps = [
            ImportedStep.change(2, [(.status, "closed")], expecting: 1),
            .change(3, [(.group, "audio")], expecting: 1), .change(4, [(.status, "closed")], expecting: 4),
        ]
        #expect(try await stand.apply(steps) == [.conflicted, .changed, .changed])
        #expect(stand.notes.flatMap(\.conflicted) == [0])
        let ticket = try await stand.ticket()
        #expect(ticket[.status] == "closed" && ticket[.group] == "audio")
        try await stand.expectClean()
    }

    /// An agent who saves just before every one of the importer's writes.
    @Test func aStepIsDecidedAnewWhereAnAgentComesFirst() async throws {
        let stand = TicketImportStand()
        try await stand.apply([.create()])
        let agent = stand.desk()
        let busy = InterruptedStore(stand.store, interruptions: 3) { number in
            let comment = TicketIntent.Comment(text: "agent \(number)")
            _ = try await agent.save(TicketIntent(.comment, comment: comment), on: Self.id, by: "mia")
        }
        let outcomes = try await stand.apply(
            [.change(2, [(.status, "open")]), .comment(3, "step"), .change(3, [(.status, "closed")])],
            over: busy
        )
        #expect(outcomes == [.changed, .changed, .late])
        let ticket = try await stand.ticket()
        #expect(ticket.thread == ["agent 1", "agent 2", "agent 3", "step"])
        #expect(ticket[.status] == "open")
        #expect(ticket.version == 7)
        try await stand.expectClean()
    }

    /// The deadline is for waiting in vain: getting on slowly is no reason to give up.
    @Test func aLongQueueOfOneTicketMayTakeLongerThanTheDeadline() async throws {
        let stand = TicketImportStand(deadline: .seconds(2))
        try await stand.apply([.create()])
        let agent = stand.desk()
        let slow = InterruptedStore(stand.store, interruptions: .max) { number in
            stand.store.clock.advance(by: .milliseconds(100))
            guard number % 10 == 9 else { return }
            _ = try await agent.save(TicketIntent(.comment, comment: .init(text: "\(number)")), on: Self.id, by: "mia")
        }
        let steps = (2...60).map { ImportedStep.comment(Int64($0), "step \($0)") }
        #expect(try await stand.apply(steps, over: slow).allSatisfy { $0 == .changed })
        try await stand.expectClean()
    }

    @Test func stepsThatNeverGetThroughAreGivenUp() async throws {
        let stand = TicketImportStand(deadline: .seconds(2))
        try await stand.apply([.create()])
        let agent = stand.desk()
        let greedy = InterruptedStore(stand.store, interruptions: .max) { number in
            _ = try await agent.save(TicketIntent(.comment, comment: .init(text: "\(number)")), on: Self.id, by: "mia")
        }
        let error = await #expect(throws: StoreError.self) {
            try await stand.apply([.comment(2, "step")], over: greedy)
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("step") == false, "no text of the ticket")
    }

    @Test func aLongHistoryMovesIntoTheArchiveWhileItIsImported() async throws {
        let stand = TicketImportStand()
        let text = String(repeating: "long words ", count: 6_000)
        let steps = [ImportedStep.create()] + (2...60).map { ImportedStep.comment($0, "\($0) " + text) }
        #expect(try await stand.apply(steps).allSatisfy { $0 == .made || $0 == .changed })
        let ticket = try await stand.ticket()
        #expect(ticket.archives.count >= 3)
        #expect(ticket.events.count == 60 && ticket.thread.count == 59)
        #expect(ticket.historyBytes <= TicketLimits.historyBytesMax + 100_000)
        try await stand.expectClean()

        // A late one, repeated ones from the archive, and one that expects a version that is in the archive.
        let late = ImportedStep.change(7, [(.status, "closed")])
        let more = [steps[3], late, steps[0], .change(61, [(.group, "g")], expecting: 2), late, steps[59]]
        #expect(
            try await stand.apply(more) == [
                .duplicate(of: .changed), .late, .duplicate(of: .made), .changed, .duplicate(of: .late),
                .duplicate(of: .changed),
            ]
        )
        try await stand.expectClean()
    }

    /// Whatever operation a crash comes at, with archives being written.
    @Test func aCrashAmongArchivesLosesNothing() async throws {
        let text = String(repeating: "x", count: 400_000)
        let steps = [ImportedStep.create()] + (2...6).map { ImportedStep.comment($0, "\($0) " + text) }
        let whole = TicketImportStand()
        try await whole.apply(steps)
        for number in 1...whole.store.operationCount {
            for isReplyLost in [false, true] {
                let stand = TicketImportStand()
                stand.store.crashAfter(number, lastReplyLost: isReplyLost)
                _ = try? await stand.apply(steps)
                stand.store.revive()
                try await stand.apply(steps)
                let ticket = try await stand.ticket()
                #expect(ticket.events.map { $0.origin?.sequence } == (1...6).map { Int64($0) })
                try await stand.expectClean()
            }
        }
    }
}

/// A store in front of which something happens before an importer's writes.
private final class InterruptedStore: DocumentStore {
    private let store: SimulatedStore
    private let interruptions: Int
    private let interruption: @Sendable (Int) async throws -> Void
    private let count = Mutex(0)

    init(
        _ store: SimulatedStore,
        interruptions: Int,
        _ interruption: @escaping @Sendable (Int) async throws -> Void
    ) {
        self.store = store
        self.interruptions = interruptions
        self.interruption = interruption
    }

    private func interrupt() async {
        let number = count.withLock { count in
            count += 1
            return count
        }
        if number <= interruptions { try? await interruption(number) }
    }

    func attempt(_ change: VersionedChange) async -> AttemptOutcome {
        await interrupt()
        return await store.attempt(change)
    }

    func attempt(_ changes: [VersionedChange]) async -> [AttemptOutcome] {
        await interrupt()
        return await store.attempt(changes)
    }

    func attemptTogether(_ changes: [VersionedChange]) async -> AttemptOutcome {
        await interrupt()
        return await store.attemptTogether(changes)
    }

    func find(_ query: DocumentQuery) async throws(StoreError) -> [BSONDocument] { try await store.find(query) }

    func count(
        _ collection: String,
        where conditions: [DocumentQuery.Condition]
    ) async throws(StoreError) -> Int {
        try await store.count(collection, where: conditions)
    }

    func serverTime() async throws(StoreError) -> Int64 { try await store.serverTime() }

    func prepare(_ specification: CollectionSpecification) async throws(StoreError) {
        try await store.prepare(specification)
    }
}
