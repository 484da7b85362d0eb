import BSON
import DocumentStore
import Records
import SimulatedStore
import Testing

@testable import Tickets

@Suite struct ErasureTests {
    private typealias Scene = ErasureScene

    private func scene() async throws -> DeskStand {
        let stand = DeskStand()
        try await Scene.make(stand)
        try await Scene.makeImported(stand)
        #expect(stand.stored(Scene.joWords) == Scene.joWords)
        #expect(stand.stored(Scene.kimWords) == Scene.kimWords)
        return stand
    }

    @Test(arguments: [ErasureScene.jo, "Jo.Zander@EXAMPLE.com"])
    func everyTextOfTheRequesterIsGone(requester: String) async throws {
        let stand = try await scene()
        let receipt = try await stand.desk().erase(requester, by: "officer")
        #expect(stand.stored(Scene.joWords) == [])
        #expect(stand.stored(Scene.kimWords) == Scene.kimWords)
        await expectClean(stand)
        #expect(receipt.counts.tickets == 3)
        #expect(receipt.counts.rejects == 4)
        #expect(receipt.agent == "officer")
        let own = try #require(try await stand.desk().ticketWithHistory("1"))
        #expect(own.subject == Ticket.erasedSubject)
        #expect(own.description == nil)
        #expect(own.requester == nil)
        #expect(own.custom == [:])
        #expect(own.status == .open)
        #expect(own.tags == ["vip"])
        #expect(own.comments.map(\.text) == [nil, nil])
        #expect(own.comments.map(\.author) == [nil, "bob"])
        #expect(own.requesters == [])
        #expect(own.terms == ["erased"])
        #expect(own.events.last?.operation == .erase)
        #expect(own.events.compactMap(\.origin?.digest) == [])
    }

    @Test func ticketThatMovedOnKeepsWhatIsTheOthers() async throws {
        let stand = try await scene()
        _ = try await stand.desk().erase(Scene.jo, by: "officer")
        let passedOn = try #require(try await stand.desk().ticketWithHistory("3"))
        #expect(passedOn.requester == Scene.kim)
        #expect(passedOn.requesters == [Scene.kim])
        #expect(passedOn.subject == "passed on")
        #expect(passedOn.comments.map(\.text) == [nil, "kimcomment after"])
        // What is erased later for the other one is all of it.
        _ = try await stand.desk().erase(Scene.kim, by: "officer")
        #expect(stand.stored(Scene.kimWords + Scene.joWords) == [])
        await expectClean(stand)
    }

    @Test func erasedTextIsNotFoundAnymore() async throws {
        let stand = try await scene()
        func found(_ text: String) async throws -> Int {
            var query = TicketQuery(limit: 10)
            query.search(text)
            return try await stand.desk().count(query)
        }
        #expect(try await found("jozcomment") == 2)
        #expect(try await found("jozdesc*") == 1)
        _ = try await stand.desk().erase(Scene.jo, by: "officer")
        for word in Scene.joWords { #expect(try await found(word + "*") == 0) }
        #expect(try await found("kimcomment") == 2)
    }

    @Test func dryRunCountsWhatIsErasedThenAndTouchesNothing() async throws {
        for requester in [Scene.jo, Scene.kim, "nobody@example.com", "JO.ZANDER@example.com"] {
            let stand = try await scene()
            try await RichHistory.makeLong(stand, requester: Scene.jo, comments: 5)
            let changes = stand.store.history.count
            let counts = try await stand.desk().erasureCounts(of: requester)
            #expect(stand.store.history.count == changes)
            let receipt = try await stand.desk().erase(requester, by: "officer")
            #expect(counts == receipt.counts, "\(requester)")
        }
    }

    @Test func manyRejectsOfOneTicketAreAllErased() async throws {
        let stand = try await scene()
        for number in 100..<1_250 { try await Scene.reject(UInt64(number), "5", "jozraw", stand) }
        let counts = try await stand.desk().erasureCounts(of: Scene.jo)
        let receipt = try await stand.desk().erase(Scene.jo, by: "officer")
        #expect(stand.stored(Scene.joWords) == [])
        #expect(receipt.counts.rejects == 1_154)
        #expect(counts == receipt.counts)
    }

    @Test func receiptHoldsNoPersonalData() async throws {
        let stand = try await scene()
        let receipt = try await stand.desk().erase(Scene.jo, by: "officer")
        let stored = try #require(stand.receipts.first)
        #expect(stand.receipts.count == 1)
        #expect(stored["_id"] == .objectID(receipt.id))
        #expect(stored["is_complete"] == true)
        #expect(stored["tickets"]?.integer == Int64(receipt.counts.tickets))
        #expect(stored["events"]?.integer == Int64(receipt.counts.events))
        let fields: Set<String> = [
            "_id", "version", "last_operation_id", "schema_version", "agent", "started_at", "completed_at",
            "is_complete", "tickets", "events", "archives", "rejects",
        ]
        #expect(Set(stored.fields.map(\.key)) == fields)
    }

    @Test func othersWhoMentionTheRequesterAreNamed() async throws {
        let stand = try await scene()
        let id = try await stand.desk().create(.about("call jo.zander@example.com back", by: Scene.kim), by: "ann").id
        let receipt = try await stand.desk().erase(Scene.jo, by: "officer")
        #expect(receipt.mentionedIn == [id])
    }

    @Test func erasingTwiceFindsNothing() async throws {
        let stand = try await scene()
        _ = try await stand.desk().erase(Scene.jo, by: "officer")
        let versions = stand.store.documents(in: SupportRequestsCollection.name).map { $0["version"] }
        #expect(try await stand.desk().erase(Scene.jo, by: "officer").counts == ErasureCounts())
        #expect(stand.store.documents(in: SupportRequestsCollection.name).map { $0["version"] } == versions)
    }

    @Test func moreTicketsThanOnePage() async throws {
        let stand = DeskStand()
        for number in 0..<130 {
            _ = try await stand.desk().create(.about("jozsubject \(number)", by: Scene.jo), by: "ann")
        }
        let counts = try await stand.desk().erasureCounts(of: Scene.jo)
        #expect(counts.tickets == 130)
        #expect(try await stand.desk().erase(Scene.jo, by: "officer").counts == counts)
        #expect(stand.stored(Scene.joWords) == [])
    }

    @Test func archivedTextIsErased() async throws {
        let stand = DeskStand()
        let id = try await RichHistory.makeLong(stand, requester: Scene.jo, comments: 6)
        let kims = try await RichHistory.makeLong(stand, requester: Scene.kim, comments: 5)
        let words = (0..<6).map { "chapter\($0)" }
        let receipt = try await stand.desk().erase(Scene.jo, by: "officer")
        #expect(receipt.counts.tickets == 1)
        #expect(receipt.counts.archives >= 1)
        #expect(receipt.counts.events == 7)
        #expect(stand.stored(["zander", "chapter5"]) == [])
        #expect(try await stand.desk().ticketWithHistory(id)?.comments.compactMap(\.text) == [])
        #expect(try await stand.desk().ticketWithHistory(kims)?.comments.compactMap(\.text).count == 5)
        #expect(stand.stored(words) == Array(words.prefix(5)))
        let archived = stand.store.documents(in: SupportHistoryCollection.name).filter { $0["ticket"]?.string == id }
        #expect(!archived.isEmpty && archived.allSatisfy { $0.bytes.count < 10_000 })
        await expectClean(stand)
    }

    @Test func ticketGoesOnAfterAnErasure() async throws {
        let stand = try await scene()
        _ = try await stand.desk().erase(Scene.jo, by: "officer")
        let outcome = try await stand.desk().save(.set(.subject, "a new start"), on: "1", by: "bob")
        #expect(outcome.savedTicket?.subject == "a new start")
        // Whoever had seen the ticket before meets the erasure as any other change.
        let old = try await stand.desk().save(.set(.subject, "old"), on: "1", by: "bob", seen: 3)
        #expect(old.conflicts.map(\.theirs) == ["a new start"])
        await expectClean(stand)
    }

    @Test func fieldThatNamesAnEarlierRequesterIsErased() async throws {
        let stand = DeskStand()
        let id = try await stand.desk().create(.about("ask jo.zander@example.com", by: Scene.jo), by: "ann").id
        _ = try await stand.desk().save(.set(.requester, .string(Scene.kim)), on: id, by: "ann")
        _ = try await stand.desk().erase(Scene.jo, by: "officer")
        #expect(stand.stored(["zander"]) == [])
        await expectClean(stand)
    }
}
