import BSON
import DocumentStore
import SimulatedStore
import Testing

@testable import Tickets

@Suite struct WatchTests {
    private func told(_ news: [TicketNews]) -> [String] { news.map { "\($0.ticket.id):\($0.event.sequence)" } }

    @Test func eachEventIsToldOnceInOrder() async throws {
        let stand = DeskStand()
        _ = try await stand.desk().create(.about(), by: "ann")
        _ = try await stand.desk().save(.comment("before"), on: "1", by: "ann")
        stand.wait()
        var watch = try await TicketWatch(stand.desk())
        #expect(try await told(watch.news(of: ["1"])) == [])
        stand.wait()
        _ = try await stand.desk().save(.comment("first"), on: "1", by: "ann")
        _ = try await stand.desk().save(.comment("second"), on: "1", by: "ann")
        _ = try await stand.desk().create(.about(), by: "ann")
        // A bell that rings twice, for nothing, or for what is not there.
        #expect(try await told(watch.news(of: ["1", "2", "1", "77"])) == ["1:3", "1:4", "2:1"])
        #expect(try await told(watch.news(of: ["1", "2"])) == [])
        _ = try await stand.desk().save(.comment("third"), on: "1", by: "ann")
        #expect(try await told(watch.poll()) == ["1:5"])
        #expect(try await told(watch.poll()) == [])
    }

    @Test func newsNameEventAndTicketAsItIsNow() async throws {
        let stand = DeskStand()
        _ = try await stand.desk().create(.about(), by: "ann")
        var watch = try await TicketWatch(stand.desk(), only: ["1"])
        _ = try await stand.desk().save(.set(.priority, "low"), on: "1", by: "ann")
        _ = try await stand.desk().save(.set(.priority, "high"), on: "1", by: "bob")
        let news = try await watch.poll()
        #expect(news.map(\.event.actor) == ["ann", "bob"])
        #expect(news.allSatisfy { $0.ticket.priority == .high && $0.ticket.version == 3 })
    }

    @Test func onlyTheseTickets() async throws {
        let stand = DeskStand()
        for _ in 1...3 { _ = try await stand.desk().create(.about(), by: "ann") }
        var watch = try await TicketWatch(stand.desk(), only: ["2", "4"])
        for id in ["1", "2", "3"] { _ = try await stand.desk().save(.comment("x"), on: id, by: "ann") }
        _ = try await stand.desk().create(.about(), by: "ann")
        #expect(try await told(watch.news(of: ["1", "2", "3", "4"])) == ["2:2", "4:1"])
        _ = try await stand.desk().save(.comment("y"), on: "3", by: "ann")
        #expect(try await told(watch.poll()) == [])
    }

    /// Many events of a ticket that the watcher had not seen before.
    @Test(arguments: [31, 40, 100]) func manyEventsBetweenTwoLooks(count: Int) async throws {
        let stand = DeskStand()
        _ = try await stand.desk().create(.about(), by: "ann")
        stand.wait()
        var watch = try await TicketWatch(stand.desk())
        for number in 1...count { _ = try await stand.desk().save(.comment("n\(number)"), on: "1", by: "ann") }
        #expect(try await told(watch.poll()) == (2...(count + 1)).map { "1:\($0)" })
    }

    @Test func eventsInTheArchiveAreToldToo() async throws {
        let stand = DeskStand()
        _ = try await stand.desk().create(.about(), by: "ann")
        var watch = try await TicketWatch(stand.desk(), only: ["1"])
        for number in 0..<6 {
            _ = try await stand.desk().save(.comment(RichHistory.longText(number)), on: "1", by: "ann")
        }
        #expect(try await told(watch.poll()) == (2...7).map { "1:\($0)" })
    }

    /// A change that was decided on long before it was stored bears the earlier time.
    @Test func changeThatTookLongIsFoundByAPoll() async throws {
        let stand = DeskStand(deadline: .seconds(30))
        _ = try await stand.desk().create(.about(), by: "ann")
        _ = try await stand.desk().create(.about(), by: "ann")
        stand.wait()
        var watch = try await TicketWatch(stand.desk())
        let slow = stand.desk()
        _ = try await slow.now()
        let ticket = try #require(try await slow.find("1"))
        let draft = EventDraft(
            operation: .comment,
            actor: "bob",
            time: try await slow.now(),
            operationID: ObjectID(high: 900, low: 1),
            changes: [FieldChange(.comment, from: .null, to: "slow")]
        )
        stand.wait(.seconds(20))
        #expect(try await told(watch.poll()) == [])
        let (next, event) = ticket.advanced(by: draft, slow.eventContext)
        let change = VersionedChange(
            key: TicketDesk.key("1"),
            action: .update(expectedVersion: 1, next.update(from: ticket, appending: event)),
            operationID: draft.operationID
        )
        #expect(await stand.store.attempt(change) == .applied(.confirmed))
        #expect(try await told(watch.poll()) == ["1:2"])
    }

    /// A look that fails in the middle tells what it found with the next one, and nothing twice.
    @Test func lookThatFailsLosesNothing() async throws {
        for operations in 0..<9 {
            let stand = DeskStand()
            for _ in 1...3 { _ = try await stand.desk().create(.about(), by: "ann") }
            stand.wait()
            var watch = try await TicketWatch(stand.desk())
            for id in ["1", "2", "3"] { _ = try await stand.desk().save(.comment("x"), on: id, by: "ann") }
            stand.store.crashAfter(operations)
            var all = (try? await told(watch.poll())) ?? []
            stand.store.revive()
            all += try await told(watch.poll())
            #expect(all.sorted() == ["1:2", "2:2", "3:2"], "failure after \(operations)")
        }
    }

    /// Watchers by bell and by look are told the same, each event once, while agents work.
    @Test func pollTellsWhatTheBellTells() async throws {
        for seed in Seeds.list(1...60) {
            let stand = DeskStand(seed: seed)
            for _ in 1...3 { _ = try await stand.desk().create(.about(), by: "ann") }
            stand.wait(.seconds(30))
            var bell = try await TicketWatch(stand.desk())
            var poll = try await TicketWatch(stand.desk())
            var random = SplitMix64(seed: seed)
            var byBell: [String] = []
            var byPoll: [String] = []
            var expected: [String] = []
            for _ in 0..<40 {
                switch random.nextIndex(below: 4) {
                case 0: byBell += try await told(bell.news(of: ["1", "2", "3"]))
                case 1: byPoll += try await told(poll.poll())
                default:
                    stand.wait(.milliseconds(Int64(random.nextIndex(below: 4_000))))
                    let id = String(1 + random.nextIndex(below: 3))
                    let version = try await stand.desk().save(.comment("x"), on: id, by: "b").savedTicket?.version
                    expected.append("\(id):\(version ?? 0)")
                }
            }
            byBell += try await told(bell.news(of: ["1", "2", "3"]))
            byPoll += try await told(poll.poll())
            for id in 1...3 {
                let ofTicket = { (list: [String]) in list.filter { $0.hasPrefix("\(id):") } }
                #expect(ofTicket(byBell) == ofTicket(expected), "seed \(seed)")
                #expect(ofTicket(byPoll) == ofTicket(expected), "seed \(seed)")
            }
        }
    }
}
