import BSON
import DocumentStore
import SimulatedStore
import Testing

@testable import Tickets

@Suite struct CreatingTests {
    @Test func newTicketIsStoredWhole() async throws {
        let stand = DeskStand()
        let new = NewTicket(
            subject: "printer on fire",
            requester: "jo@example.com",
            description: "it burns",
            priority: .urgent,
            group: "hardware",
            tags: ["fire"]
        )
        let created = try await stand.desk().create(new, by: "ann")
        #expect(created.id == "1")
        let ticket = try #require(try await stand.desk().ticketWithHistory("1"))
        var expected = created
        expected.events = ticket.events
        #expect(ticket == expected)
        #expect(ticket.version == 1)
        #expect(ticket.status == .new)
        #expect(ticket.priority == .urgent)
        #expect(ticket.createdAt == SimulatedStore.timeAtStart)
        #expect(ticket.updatedAt == SimulatedStore.timeAtStart)
        #expect(ticket.dueAt == SimulatedStore.timeAtStart + 3_600_000)
        #expect(ticket.requesters == ["jo@example.com"])
        #expect(ticket.terms == ["printer", "on", "fire", "it", "burns"])
        #expect(ticket.events.map(\.operation) == [.create])
        #expect(ticket.events.map(\.actor) == ["ann"])
        #expect(ticket.historyBytes == Int64(ticket.events[0].document.bytes.count))
        await expectClean(stand)
    }

    @Test func firstTicketMakesTheCollections() async throws {
        let stand = DeskStand()
        _ = try await stand.desk().create(.about(), by: "ann")
        for specification in TicketCollections.all {
            #expect(stand.store.specification(of: specification.name) != nil, "\(specification.name)")
        }
    }

    @Test func numbersAreGivenOutOnce() async throws {
        for seed in Seeds.list(1...20) {
            let stand = DeskStand(seed: seed)
            let scheduler = SimulatedScheduler(seed: seed)
            let created = Mutexed([String]())
            for agent in 0..<6 {
                let desk = stand.desk()
                scheduler.start {
                    for _ in 0..<5 {
                        guard let ticket = try? await desk.create(.about(), by: "agent\(agent)") else { continue }
                        created.with { $0.append(ticket.id) }
                    }
                }
            }
            scheduler.run()
            let numbers = created.with { $0 }.compactMap { Int($0) }.sorted()
            #expect(numbers == Array(1...30), "seed \(seed)")
            await expectClean(stand)
        }
    }

    /// Whatever fails: a ticket that was acknowledged is there, and no other one has its number.
    @Test func numbersAreGivenOutOnceUnderFaults() async throws {
        for seed in Seeds.list(1...60) {
            let stand = DeskStand(seed: seed, faults: .all(0.08), deadline: .seconds(5))
            let scheduler = SimulatedScheduler(seed: seed)
            let created = Mutexed([String: String]())
            let doubtful = Mutexed(Set<String>())
            for agent in 0..<4 {
                let desk = stand.desk()
                scheduler.start {
                    for number in 0..<4 {
                        let subject = "subject\(agent)x\(number)"
                        do {
                            let ticket = try await desk.create(.about(subject), by: "agent\(agent)")
                            created.with { $0[subject] = ticket.id }
                        } catch let error as TicketError where error.code == .unknownOutcome {
                            _ = doubtful.with { $0.insert(subject) }
                        } catch {}
                    }
                }
            }
            scheduler.run()
            await expectClean(stand)
            let stored = stand.store.documents(in: SupportRequestsCollection.name)
            let subjects = stored.compactMap { $0["subject"]?.string }
            #expect(Set(subjects).count == subjects.count, "seed \(seed)")
            let acknowledged = created.with { $0 }
            for (subject, id) in acknowledged {
                #expect(stand.document(id)?["subject"]?.string == subject, "seed \(seed)")
            }
            let known = Set(acknowledged.keys).union(doubtful.with { $0 })
            #expect(known.isSuperset(of: subjects), "seed \(seed)")
        }
    }
}
