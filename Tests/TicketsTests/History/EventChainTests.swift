import BSON
import Digests
import DocumentStore
import SimulatedStore
import Testing

@testable import Tickets

@Suite struct EventChainTests {
    /// Hashes of a short history.
    ///
    /// Made by Oracles/ticket_chain.py with
    ///
    ///     salt = bytes([7] * 16)
    ///     first = {"sequence": 1, "time": Time(1010), "operation": "create", "operation_id": id(1010),
    ///              "previous_hash": bytes(32), "actor_commitment": commitment("actor", salt, None, "creator"),
    ///              "changes": [{"field": "subject", "commitment": commitment("subject", salt, None, "s")},
    ///                          {"field": "tags", "from": None, "to": ["a", "b"]}]}
    ///     second = {"sequence": 2, "time": Time(1020), "operation": "set", "operation_id": id(1020),
    ///               "previous_hash": event_hash("1", first),
    ///               "actor_commitment": commitment("actor", salt, None, "bob"),
    ///               "changes": [{"field": "status", "from": "new", "to": "open"}]}
    ///
    /// where `id(n)` is `ObjectID(bytes([0, 0, 0, 1]) + n.to_bytes(8))`.
    static let expected = [
        "f924ff47babc85fff801a313bb5a7361d3332689063170071a2e35b3c32c8d04",
        "043ce94ce396615a9e3f2c2a15701956cb8e82c91eb2bd36050dae67392641f1",
    ]

    @Test func hashesAreThoseOfTheSpecification() {
        var history = TicketHistory("1", [(.subject, "s"), (.tags, ["a", "b"])])
        history.set(.status, "open")
        #expect(history.events.map { hexadecimal($0.hash) } == Self.expected)
    }

    @Test func digestIsSHA256() {
        // FIPS 180-4, example of one block.
        #expect(
            hexadecimal(SHA256.digest(Array("abc".utf8)))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )
        #expect(
            hexadecimal(SHA256.digest([])) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        )
    }

    /// Every part of an event is part of its hash; what erasing takes away is not.
    @Test func everyPartIsCommittedTo() throws {
        var random = RandomTicket(seed: 5)
        var event = random.event()
        event.origin = TicketEvent.Origin(sequence: 3, occurredAt: 4, digest: 5)
        event.changes = [
            .init(change: FieldChange(.status, from: "new", to: "open"), seal: nil),
            .init(change: FieldChange(.comment, from: .null, to: "x"), seal: Seal(salt: [1], commitment: [2])),
        ]
        let hash = event.computedHash(ticket: "1")
        #expect(event.computedHash(ticket: "2") != hash)
        let document = event.document
        let changed: [(String, BSONValue)] = [
            ("sequence", 999_999), ("time", .datetime(1)), ("actor_commitment", .binary([1])),
            ("operation_id", .objectID(ObjectID(high: 9, low: 9))), ("previous_hash", .binary([1])),
            ("origin", ["sequence": 4, "occurred_at": .datetime(4)]), ("origin", ["sequence": 3]), ("changes", []),
            ("operation", event.operation == .set ? "tag" : "set"),
        ]
        for (field, value) in changed {
            #expect(try TicketEvent(document.setting(field, value)).computedHash(ticket: "1") != hash, "\(field)")
        }
        var erased = event
        erased.actor = nil
        erased.actorSeal.salt = nil
        erased.origin?.digest = nil
        erased.changes[1] = .init(
            change: FieldChange(.comment, from: .null, to: .null),
            seal: Seal(salt: nil, commitment: [2])
        )
        #expect(erased.computedHash(ticket: "1") == hash)
    }

    @Test func sealsDependOnFieldSaltAndBothValues() {
        let change = FieldChange(.subject, from: "a", to: "b")
        let commitment = EventChain.seal(change, salt: [1]).commitment
        #expect(EventChain.seal(change, salt: [2]).commitment != commitment)
        for other in [
            FieldChange(.description, from: "a", to: "b"), FieldChange(.subject, from: "c", to: "b"),
            FieldChange(.subject, from: "a", to: "c"), FieldChange(.subject, from: .null, to: "b"),
        ] {
            #expect(EventChain.seal(other, salt: [1]).commitment != commitment)
        }
    }

    @Test func saltsAreNewForEveryValue() async throws {
        let stand = DeskStand()
        let id = try await RichHistory.make(stand)
        let events = try await stand.history(id)
        let seals = events.flatMap { event in [event.actorSeal] + event.changes.compactMap(\.seal) }
        let salts = seals.compactMap(\.salt)
        #expect(salts.count > 45)
        #expect(Set(salts).count == salts.count)
        #expect(salts.allSatisfy { $0.count == EventChain.saltBytes })
    }

    @Test(.enabled(if: ChainOracle.isPresent, ChainOracle.absence))
    func pythonAgreesWithEveryHash() async throws {
        let stand = DeskStand()
        let rich = try await RichHistory.make(stand)
        let long = try await RichHistory.makeLong(stand)
        let other = try await RichHistory.make(stand, requester: "kim@example.com")
        _ = try await stand.desk().erase("kim@example.com", by: "ann")
        let answers = try ChainOracle.check(stand)
        #expect(answers.map(\.id) == [rich, long, other])
        #expect(answers.flatMap(\.problems) == [])
        #expect(answers.map(\.events) == [28, 9, 29])
        let erased = try await stand.verify().erased
        #expect(answers.map(\.erased).reduce(0, +) == erased)
        #expect(erased > 10)
    }

    @Test(.enabled(if: ChainOracle.isPresent, ChainOracle.absence))
    func pythonSeesWhatWasChanged() async throws {
        let stand = DeskStand()
        let id = try await RichHistory.make(stand)
        let tampered = try await stand.tampered { _, document in
            document.editingEvent(5) { $0.setting("operation", "tag") }
        }
        #expect(try ChainOracle.check(tampered).map(\.problems) == [["event 5 has another hash"]])
        #expect(try ChainOracle.check(tampered).map(\.id) == [id])
    }

    private func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}
