import BSON
import DocumentStore
import Records
import SimulatedStore
import Testing

@testable import Tickets

/// What this program does with documents that a newer one wrote or added something to.
@Suite struct NewerProgramTests {
    private func code(_ body: () async throws -> Void) async -> StoreError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? StoreError)?.code
        }
    }

    private func raised(_ stand: DeskStand, _ collection: String) async throws -> DeskStand {
        try await stand.tampered { name, document in
            name == collection ? document.setting(DocumentField.schemaVersion, 2) : document
        }
    }

    private func documents(_ stand: DeskStand) -> [[BSONDocument]] {
        DeskStand.collections.map { stand.store.documents(in: $0) }
    }

    /// What a newer program added to tickets and archives is there after every command of this one.
    @Test func unknownFieldsSurviveEveryCommand() async throws {
        let stand = DeskStand()
        let added = AddedFields(seed: 1)
        let newer = stand.desk(over: NewerProgramStore(stand.store, added))
        for number in 1...3 {
            let subject = NewTicket(subject: "subject \(number)", requester: ErasureScene.jo)
            _ = try await newer.create(subject, by: "ann")
        }
        for number in 0..<6 {
            _ = try await newer.save(.comment(RichHistory.longText(number)), on: "1", by: "ann")
        }
        let older = stand.desk()
        for number in 6..<12 {
            _ = try await older.save(.comment(RichHistory.longText(number)), on: "1", by: "ann")
        }
        #expect(stand.store.documents(in: SupportHistoryCollection.name).count >= 2)
        _ = try await older.save(.set(.priority, "high"), on: "2", by: "bob")
        _ = try await older.save(TicketIntent(.tag, addedTags: ["red"], removedTags: []), on: "2", by: "bob")
        _ = try await older.merge("3", into: "2", by: "bob")
        #expect(added.missing(from: stand.store) == [])
        _ = try await older.erase(ErasureScene.jo, by: "bob")
        #expect(added.missing(from: stand.store) == [])
        #expect(added.count > 9)
        await expectClean(stand)
    }

    @Test func aNewerTicketIsRefusedAndNoFault() async throws {
        let scene = DeskStand()
        try await ErasureScene.make(scene)
        let stand = try await raised(scene, SupportRequestsCollection.name)
        let before = documents(stand)
        let desk = stand.desk()
        #expect(await code { _ = try await desk.save(.comment("x"), on: "1", by: "ann") } == .newerSchema)
        #expect(await code { _ = try await desk.erase(ErasureScene.jo, by: "ann") } == .newerSchema)
        #expect(await code { _ = try await desk.merge("1", into: "2", by: "ann") } == .newerSchema)
        let kept = documents(stand)
        #expect(kept[0] == before[0], "no ticket was changed")
        let verified = try await stand.verify()
        #expect(verified.newer == 3 && verified.findings == [] && !verified.isComplete)
        #expect(verified.numbersWithoutTicket == 0)
    }

    @Test func anArchiveOfANewerProgramIsNoFault() async throws {
        let stand = DeskStand()
        let id = try await RichHistory.makeLong(stand, comments: 6)
        let newer = try await raised(stand, SupportHistoryCollection.name)
        let before = newer.store.documents(in: SupportHistoryCollection.name)
        #expect(await code { _ = try await newer.desk().ticketWithHistory(id) } == .newerSchema)
        let verified = try await newer.verify()
        #expect(verified.newer == 1 && verified.findings == [])
        #expect(newer.store.documents(in: SupportHistoryCollection.name) == before)
    }

    @Test func aNewerCounterGivesNoNumber() async throws {
        let stand = DeskStand()
        _ = try await stand.desk().create(.about(), by: "ann")
        let newer = try await raised(stand, CountersCollection.name)
        let before = documents(newer)
        #expect(await code { _ = try await newer.desk().create(.about(), by: "ann") } == .newerSchema)
        #expect(documents(newer) == before)
    }

    @Test func aNewerRejectIsNotErased() async throws {
        let stand = DeskStand()
        try await ErasureScene.makeImported(stand)
        let newer = try await raised(stand, RejectsCollection.name)
        let before = newer.store.documents(in: RejectsCollection.name)
        #expect(await code { _ = try await newer.desk().erase(ErasureScene.jo, by: "ann") } == .newerSchema)
        #expect(newer.store.documents(in: RejectsCollection.name) == before)
    }
}
