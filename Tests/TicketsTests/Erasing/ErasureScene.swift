import BSON
import DocumentStore
import Records
import SimulatedStore
import Testing

@testable import Tickets

/// Tickets of Jo and of Kim, whose texts hold words that occur nowhere else.
enum ErasureScene {
    static let jo = "jo.zander@example.com"
    static let kim = "kim@other.example"

    /// Words of Jo's, which an erasure has to remove from every byte that is stored.
    static let joWords = ["jozsubject", "jozdescription", "jozcomment", "jozcustom", "jozanswer", "zander", "jozraw"]
    static let kimWords = ["kimsubject", "kimdescription", "kimcomment", "kimraw"]

    /// A ticket of Jo's with everything that may be personal, one of Kim's, and one that Kim took over from Jo.
    static func make(_ stand: DeskStand) async throws {
        let desk = stand.desk()
        let own = try await desk.create(
            NewTicket(subject: "jozsubject one", requester: jo, description: "Jozdescription\nlong", tags: ["vip"]),
            by: "ann"
        ).id
        let intents: [(TicketIntent, String)] = [
            (.comment("this is jozcomment"), jo),
            (.comment("jozanswer to the requester"), "bob"),
            (.set(TicketField(stored: "custom.room"), "jozcustom"), "bob"),
            (.set(.subject, "JOZSUBJECT two"), "bob"),
            (.set(.status, "open"), "bob"),
        ]
        for (intent, actor) in intents {
            stand.wait()
            _ = try await desk.save(intent, on: own, by: actor)
        }
        let kims = try await desk.create(
            NewTicket(subject: "kimsubject", requester: kim, description: "kimdescription"),
            by: "ann"
        ).id
        _ = try await desk.save(.comment("kimcomment"), on: kims, by: kim)
        let passedOn = try await desk.create(.about("passed on", by: jo), by: "ann").id
        _ = try await desk.save(.comment("jozcomment before"), on: passedOn, by: jo)
        _ = try await desk.save(.set(.requester, .string(kim)), on: passedOn, by: "ann")
        _ = try await desk.save(.comment("kimcomment after"), on: passedOn, by: kim)
    }

    /// A ticket that came from another system, with records of it and of others that were rejected.
    static func makeImported(_ stand: DeskStand) async throws {
        var ticket = Ticket(id: "zendesk:5")
        ticket.source = TicketSource(source: "zendesk", externalID: "5", appliedSequence: 1)
        let draft = EventDraft(
            operation: .create,
            actor: jo,
            time: SimulatedStore.timeAtStart,
            operationID: ObjectID(high: 77, low: 1),
            changes: [
                FieldChange(.subject, from: .null, to: "jozsubject imported"),
                FieldChange(.requester, from: .null, to: .string(jo)),
            ],
            origin: TicketEvent.Origin(sequence: 1, occurredAt: 5, digest: 99)
        )
        let context = EventContext(targets: .standard, salt: { [UInt8](repeating: 3, count: 16) })
        let (made, event) = ticket.advanced(by: draft, context)
        #expect(await stand.store.attempt(made.creation(event)) == .applied(.confirmed))
        let records: [(ticket: String?, raw: String)] = [
            ("5", "jozraw"), ("5", "jozraw of \(jo)"), ("6", "from JO.ZANDER@example.com jozraw"),
            (nil, "{\"by\":\"\(jo)\"}"), ("7", "kimraw of \(kim)"),
        ]
        for (number, record) in records.enumerated() {
            try await reject(UInt64(number), record.ticket, record.raw, stand)
        }
    }

    static func reject(_ number: UInt64, _ ticket: String?, _ raw: String, _ stand: DeskStand) async throws {
        typealias Field = RejectsCollection.Field
        let id = ObjectID(high: 88, low: number)
        let change = VersionedChange(
            key: DocumentKey(
                collection: RejectsCollection.name,
                id: .objectID(id),
                shardKey: .init(field: Field.source, value: "zendesk/export.json@0badcafe")
            ),
            action: .create([
                DocumentField.schemaVersion: .int64(RejectsCollection.schemaVersion),
                Field.position: .int64(Int64(number)), Field.rule: "field", Field.reason: "a reason",
                Field.kind: "ticket", Field.raw: .binary(Array(raw.utf8)), Field.ticket: .text(ticket),
            ]),
            operationID: id
        )
        #expect(await stand.store.attempt(change) == .applied(.confirmed))
    }
}

extension DeskStand {
    /// The words that are in some stored byte, in any case of ASCII letters.
    func stored(_ words: [String]) -> [String] {
        let documents = Self.collections.flatMap { store.documents(in: $0) }.map { document in
            String(decoding: document.bytes.map { $0 < 128 ? $0 : UInt8(ascii: "?") }, as: UTF8.self).lowercased()
        }
        return words.filter { word in documents.contains { $0.contains(word) } }
    }

    var receipts: [BSONDocument] { store.documents(in: ErasuresCollection.name) }
}
