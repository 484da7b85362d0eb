import BSON
import DocumentStore
import MongoStore
import Records
import SimulatedStore
import TestSupport
import Testing

@testable import Tickets

/// The life of tickets on a real server, whose validators and operators are MongoDB's own.
@Suite(.timeLimit(.minutes(10))) struct MongoDeskTests {
    private func withServer(_ body: (DeskStand) async throws -> Void) async throws {
        let server = try await LocalMongo.shared()
        let store = try await MongoDocumentStore.connect(
            uri: server.uri(),
            database: LocalMongo.uniqueDatabaseName(),
            connections: 4
        )
        do {
            try await store.prepare(RejectsCollection.specification)
            // Pauses pass at once on the simulated clock, which all desks share: only their number counts.
            try await body(DeskStand(deadline: .seconds(3_600), over: store))
        } catch {
            Issue.record(error)
        }
        try? await store.dropDatabaseForTesting()
        await store.close()
    }

    @Test func ticketsLiveAndAreVerified() async throws {
        try await withServer { stand in
            let desk = stand.desk()
            let rich = try await RichHistory.make(stand)
            let long = try await RichHistory.makeLong(stand, requester: "kim@example.com")
            let third = try await desk.create(.about("third", by: "kim@example.com"), by: "ann").id
            #expect([rich, long, third] == ["1", "2", "3"])
            _ = try await desk.merge(third, into: rich, by: "ann")
            _ = try await desk.split(rich, comments: [3], subject: "apart", by: "ann")
            #expect(try await desk.ticketWithHistory(long)?.events.map(\.sequence) == Array(1...9))
            let before = try await TicketVerifier(desk).verify()
            #expect(before.findings == [])
            #expect(before.archives >= 1)
            let counts = try await desk.erasureCounts(of: RichHistory.requester)
            #expect(try await desk.erase(RichHistory.requester, by: "officer").counts == counts)
            #expect(counts.tickets == 2)
            let after = try await TicketVerifier(desk).verify()
            #expect(after.findings == [])
            #expect(after.erased > 15)
            #expect(try await desk.ticketWithHistory(rich)?.comments.compactMap(\.text) == [])
            #expect(try await desk.ticketWithHistory(long)?.comments.compactMap(\.text).count == 8)
        }
    }

    /// Many at once on one ticket: every acknowledged comment is there once.
    @Test func agentsAtOnce() async throws {
        try await withServer { stand in
            let id = try await stand.desk().create(.about(), by: "ann").id
            let saved = try await withThrowingTaskGroup(of: Int.self) { group in
                for agent in 0..<8 {
                    let desk = stand.desk()
                    group.addTask {
                        var saved = 0
                        for number in 0..<5 {
                            let intent = TicketIntent.comment("agent\(agent)number\(number)")
                            if try await desk.save(intent, on: id, by: "a\(agent)").savedTicket != nil { saved += 1 }
                        }
                        return saved
                    }
                }
                return try await group.reduce(0, +)
            }
            let texts = try await stand.desk().ticketWithHistory(id)?.comments.compactMap(\.text) ?? []
            #expect(saved == 40)
            #expect(texts.count == 40)
            #expect(Set(texts).count == 40)
            #expect(try await TicketVerifier(stand.desk()).verify().findings == [])
        }
    }
}
