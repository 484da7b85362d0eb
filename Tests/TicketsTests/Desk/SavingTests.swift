import BSON
import DocumentStore
import SimulatedStore
import Testing

@testable import Tickets

@Suite struct SavingTests {
    private let stand = DeskStand()

    private func ticket() async throws -> String { try await stand.desk().create(.about(), by: "ann").id }

    private func code(_ body: () async throws -> SaveOutcome) async -> TicketError.Code? {
        do {
            _ = try await body()
            return nil
        } catch {
            return (error as? TicketError)?.code
        }
    }

    @Test func savingIsOneVersionAndOneEvent() async throws {
        let id = try await ticket()
        stand.wait()
        var intent = TicketIntent.set(.priority, "high")
        intent.comment = .init(text: "it is bad")
        let outcome = try await stand.desk().save(intent, on: id, by: "bob")
        let saved = try #require(outcome.savedTicket)
        #expect(saved.version == 2)
        #expect(saved.priority == .high)
        let stored = try #require(try await stand.desk().ticketWithHistory(id))
        let event = try #require(stored.events.last)
        #expect(stored.events.count == 2)
        #expect(event.sequence == 2)
        #expect(event.time == SimulatedStore.timeAtStart + 1_000)
        #expect(event.actor == "bob")
        #expect(event.operation == .set)
        #expect(event.changes.map(\.change.field) == [.priority, .comment])
        #expect(event.change(of: .priority)?.change == FieldChange(.priority, from: "normal", to: "high"))
        #expect(stand.document(id)?[DocumentField.lastOperationID]?.objectID == event.operationID)
        #expect(stored.comments.map(\.text) == ["it is bad"])
        #expect(stored.firstResponseAt == event.time)
        #expect(stored.terms.suffix(2) == ["is", "bad"])
        #expect(stored.terms == (saved.terms))
    }

    /// A new primary reads as of some time ago, and the agent has seen more.
    @Test func aVersionThatIsNotReadYetIsWaitedFor() async throws {
        let id = try await ticket()
        let past = try await stand.store.moment()
        let seen = try #require(try await stand.desk().save(.comment("one"), on: id, by: "bob").savedTicket).version
        let lagging = stand.desk(over: LaggingStore(stand.store, reading: past))
        let saved = try await lagging.save(.set(.priority, "high"), on: id, by: "ann", seen: seen).savedTicket
        #expect(saved?.version == seen + 1)
        #expect(await code { try await stand.desk().save(.comment("two"), on: id, by: "x", seen: 9) } == .invalidValue)
        await expectClean(stand)
    }

    @Test func whatIsSoAlreadyIsNotSaved() async throws {
        let id = try await ticket()
        let changes = stand.store.history.count
        let outcome = try await stand.desk().save(.set(.priority, "normal"), on: id, by: "bob")
        #expect(outcome.isUnchanged)
        #expect(stand.store.history.count == changes)
    }

    @Test func conflictNamesWhoAndWhen() async throws {
        let id = try await ticket()
        stand.wait()
        _ = try await stand.desk().save(.set(.priority, "high"), on: id, by: "bob")
        stand.wait()
        _ = try await stand.desk().save(.set(.priority, "low"), on: id, by: "carol")
        stand.wait()
        _ = try await stand.desk().save(.comment("hello"), on: id, by: "dave")
        let changes = stand.store.history.count
        let outcome = try await stand.desk().save(.set(.priority, "urgent"), on: id, by: "eve", seen: 1)
        let at = SimulatedStore.timeAtStart + 2_000
        #expect(outcome.conflicts == [.init(field: .priority, yours: "urgent", theirs: "low", by: "carol", at: at)])
        #expect(stand.store.history.count == changes)
        guard case .conflict(let current, _) = outcome else { return }
        #expect(current.version == 4)
        let rebased = try await stand.desk()
            .save(.set(.priority, "urgent"), on: id, by: "eve", seen: 1, choice: .rebase)
        #expect(rebased.savedTicket?.priority == .urgent)
    }

    @Test func otherFieldsMergeFromAnOldVersion() async throws {
        let id = try await ticket()
        for number in 1...5 { _ = try await stand.desk().save(.comment("n\(number)"), on: id, by: "bob") }
        _ = try await stand.desk().save(.set(.status, "open"), on: id, by: "bob")
        let outcome = try await stand.desk().save(.set(.priority, "high"), on: id, by: "eve", seen: 1)
        #expect(outcome.savedTicket?.version == 8)
        #expect(outcome.savedTicket?.status == .open)
        await expectClean(stand)
    }

    /// What others did is found however far back the agent looked: in the tail, in the ticket, in the archive.
    @Test(arguments: [3, 60, 90]) func conflictIsFoundFarBack(count: Int) async throws {
        let id = try await ticket()
        _ = try await stand.desk().save(.set(.priority, "high"), on: id, by: "bob")
        for number in 1...count { _ = try await stand.desk().save(.comment("n\(number)"), on: id, by: "carol") }
        let outcome = try await stand.desk().save(.set(.priority, "urgent"), on: id, by: "eve", seen: 1)
        #expect(outcome.conflicts.map(\.by) == ["bob"])
    }

    @Test func conflictIsFoundInTheArchive() async throws {
        let id = try await ticket()
        _ = try await stand.desk().save(.set(.priority, "high"), on: id, by: "bob")
        for number in 0..<6 {
            _ = try await stand.desk().save(.comment(RichHistory.longText(number)), on: id, by: "carol")
        }
        #expect(try await stand.desk().find(id)?.archives.isEmpty == false)
        let outcome = try await stand.desk().save(.set(.priority, "urgent"), on: id, by: "eve", seen: 1)
        #expect(outcome.conflicts.map(\.by) == ["bob"])
    }

    @Test(arguments: [0, -1, 2, Int64.max]) func versionsThatNeverWereAreRefused(seen: Int64) async throws {
        let id = try await ticket()
        #expect(
            await code { try await stand.desk().save(.comment("x"), on: id, by: "bob", seen: seen) } == .invalidValue
        )
    }

    @Test func unknownTicketIsSaid() async throws {
        #expect(await code { try await stand.desk().save(.comment("x"), on: "17", by: "bob") } == .notFound)
    }

    @Test func stepThatIsNotAllowedIsRefused() async throws {
        let id = try await ticket()
        _ = try await stand.desk().save(.set(.status, "closed"), on: id, by: "bob")
        let changes = stand.store.history.count
        #expect(await code { try await stand.desk().save(.set(.status, "pending"), on: id, by: "eve") } == .invalidStep)
        // Also where it is another agent who went there first.
        let rebased = await code {
            try await stand.desk().save(.set(.status, "pending"), on: id, by: "eve", seen: 1, choice: .rebase)
        }
        #expect(rebased == .invalidStep)
        #expect(stand.store.history.count == changes)
    }

    @Test func timesFollowTheStatus() async throws {
        let id = try await ticket()
        func save(_ status: String) async throws -> Ticket {
            stand.wait()
            return try #require(
                try await stand.desk().save(.set(.status, .string(status)), on: id, by: "b").savedTicket
            )
        }
        let resolved = try await save("resolved")
        #expect(resolved.resolvedAt == resolved.updatedAt)
        #expect(resolved.dueAt == nil)
        let closed = try await save("closed")
        #expect(closed.resolvedAt == resolved.resolvedAt)
        #expect(closed.closedAt == closed.updatedAt)
        let reopened = try await save("open")
        #expect(reopened.resolvedAt == nil)
        #expect(reopened.closedAt == nil)
        #expect(reopened.dueAt != nil)
        await expectClean(stand)
    }

    @Test func requestersOwnCommentIsNoAnswer() async throws {
        let id = try await ticket()
        _ = try await stand.desk().save(.comment("me again"), on: id, by: "jo@example.com")
        _ = try await stand.desk().save(.comment("aside", isInternal: true), on: id, by: "bob")
        #expect(try await stand.desk().find(id)?.firstResponseAt == nil)
        stand.wait()
        let answer = try await stand.desk().save(.comment("hello"), on: id, by: "bob").savedTicket
        #expect(answer?.firstResponseAt == SimulatedStore.timeAtStart + 1_000)
        #expect(answer?.commentCount == 3)
    }

    @Test func serversTimeNeverGoesBackInATicket() async throws {
        let id = try await ticket()
        stand.wait(.seconds(100))
        _ = try await stand.desk().save(.comment("later"), on: id, by: "bob")
        // A store whose clock is behind, as after a failover.
        let behind = try await stand.tampered { _, document in document }
        _ = try await behind.desk().save(.comment("from another server"), on: id, by: "bob")
        let times = try await behind.history(id).map(\.time)
        #expect(times == times.sorted())
        await expectClean(behind)
    }

    /// A ticket of a list lacks what only changes need; saving on it is as saving on its id.
    @Test func savingOnATicketOfAList() async throws {
        let id = try await ticket()
        var pages = stand.desk().list(TicketQuery(limit: 10))
        let listed = try #require(try await pages.next().first)
        let outcome = try await stand.desk().save(.comment("from a list"), on: listed, by: "bob", seen: listed.version)
        #expect(outcome.savedTicket?.version == 2)
        #expect(try await stand.desk().find(id)?.terms.count == 6)
        await expectClean(stand)
    }

    @Test func lostReplyOfASaveIsNoSecondEvent() async throws {
        let id = try await ticket()
        stand.store.injectAttempts([.lostReply])
        let outcome = try await stand.desk().save(.comment("once"), on: id, by: "bob")
        #expect(outcome.savedTicket?.version == 2)
        #expect(try await stand.history(id).count == 2)
    }

    /// Later changes hide by their own operation id whether this one was made; its event tells.
    @Test func changeHiddenByLaterOnesIsFoundInTheHistory() async throws {
        for seed in Seeds.list(1...60) {
            let stand = DeskStand(seed: seed)
            let id = try await stand.desk().create(.about(), by: "ann").id
            var faults = FaultPlan()
            faults.lostReply = 0.5
            faults.readUnavailable = 0.3
            stand.store.faults = faults
            let scheduler = SimulatedScheduler(seed: seed)
            let saved = Mutexed([String]())
            for agent in 0..<4 {
                let desk = stand.desk()
                scheduler.start {
                    for number in 0..<4 {
                        let text = "agent\(agent)number\(number)"
                        guard let outcome = try? await desk.save(.comment(text), on: id, by: "a") else { continue }
                        if outcome.savedTicket != nil { saved.with { $0.append(text) } }
                    }
                }
            }
            scheduler.run()
            await expectClean(stand)
            let texts = try await stand.desk().ticketWithHistory(id)?.comments.compactMap(\.text) ?? []
            #expect(Set(texts).count == texts.count, "seed \(seed)")
            #expect(Set(texts).isSuperset(of: saved.with { $0 }), "seed \(seed)")
        }
    }

    @Test func exactlyOneOfManyClaimersWins() async throws {
        for seed in Seeds.list(1...60) {
            let stand = DeskStand(seed: seed)
            let id = try await stand.desk().create(.about(), by: "ann").id
            let scheduler = SimulatedScheduler(seed: seed)
            let outcomes = Mutexed([String: SaveOutcome]())
            for agent in 0..<8 {
                let desk = stand.desk()
                scheduler.start {
                    let name = "agent\(agent)"
                    guard let outcome = try? await desk.save(.claim(by: name), on: id, by: name) else { return }
                    outcomes.with { $0[name] = outcome }
                }
            }
            scheduler.run()
            let all = outcomes.with { $0 }
            let winners = all.filter { $0.value.savedTicket != nil }.keys
            #expect(all.count == 8 && winners.count == 1, "seed \(seed)")
            #expect(stand.document(id)?["assignee"]?.string == winners.first, "seed \(seed)")
            for (name, outcome) in all where !winners.contains(name) {
                #expect(outcome.conflicts.map(\.by) == [winners.first], "seed \(seed)")
            }
        }
    }

    @Test func lateClaimSaysWhoHasTheTicketAndSinceWhen() async throws {
        let id = try await ticket()
        stand.wait()
        _ = try await stand.desk().save(.set(.assignee, "bob"), on: id, by: "boss")
        for number in 0..<20 { _ = try await stand.desk().save(.comment("n\(number)"), on: id, by: "x") }
        let outcome = try await stand.desk().save(.claim(by: "zoe"), on: id, by: "zoe")
        let at = SimulatedStore.timeAtStart + 1_000
        #expect(outcome.conflicts == [.init(field: .assignee, yours: "zoe", theirs: "bob", by: "boss", at: at)])
    }

    @Test func namesResolveToTickets() async throws {
        let id = try await ticket()
        #expect(try await stand.desk().resolve(id) == id)
        for name in ["2", "\u{1B}[2J"] {
            let error = await #expect(throws: TicketError.self) { try await stand.desk().resolve(name) }
            #expect(error?.code == .notFound)
            #expect(error?.message.contains("\u{1B}") == false)
        }
    }
}
