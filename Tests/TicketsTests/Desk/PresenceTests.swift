import DocumentStore
import SimulatedStore
import Testing

@testable import Tickets

@Suite struct PresenceTests {
    @Test func marksAreSeenUntilTheyAreClearedOrExpire() async throws {
        let stand = DeskStand()
        let desk = stand.desk()
        let looking = await desk.mark(.looking, "1", by: "ann")
        _ = await desk.mark(.editing, "1", by: "bob")
        _ = await desk.mark(.looking, "2", by: "carol")
        #expect(looking != nil)
        func seen(_ tickets: [String]? = nil) async throws -> [String] {
            try await stand.desk().presences(of: tickets).map { "\($0.ticket) \($0.agent) \($0.activity)" }
        }
        #expect(try await seen() == ["1 bob editing", "1 ann looking", "2 carol looking"])
        #expect(try await seen(["2"]) == ["2 carol looking"])
        #expect(try await seen([]) == [])
        await desk.clear(looking)
        await desk.clear(nil)
        #expect(try await seen() == ["1 bob editing", "2 carol looking"])
        stand.wait(.seconds(121))
        #expect(try await seen() == ["1 bob editing"])
        stand.wait(.seconds(15 * 60))
        #expect(try await seen() == [])
    }

    @Test func agentWhoLooksAndEditsEdits() async throws {
        let stand = DeskStand()
        _ = await stand.desk().mark(.editing, "1", by: "ann")
        _ = await stand.desk().mark(.looking, "1", by: "ann")
        #expect(try await stand.desk().presences().map(\.activity) == [.editing])
    }

    @Test func markThatCannotBeLeftHindersNobody() async throws {
        let stand = DeskStand(deadline: .seconds(1))
        stand.store.crashAfter(0)
        #expect(await stand.desk().mark(.looking, "1", by: "ann") == nil)
    }
}
