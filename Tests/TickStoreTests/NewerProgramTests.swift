import BSON
import DocumentStore
import MarketData
import SimulatedStore
import Testing

@testable import TickStore

/// What this program does with documents that a newer one wrote or added something to.
@Suite struct NewerProgramTests {
    private typealias Field = MarketDataCollection.Field

    private static let newer = BSONValue.int64(MarketDataCollection.schemaVersion + 1)

    /// A store whose documents of these windows are of a newer schema version.
    private func raised(_ stand: Stand, _ isRaised: (String) -> Bool = { _ in true }) async throws -> Stand {
        try await stand.damaged { id, document in
            isRaised(id) ? document.setting(DocumentField.schemaVersion, Self.newer) : document
        }
    }

    private func refused(_ work: () async throws -> Void) async -> StoreError? {
        do {
            try await work()
            return nil
        } catch {
            return error as? StoreError
        }
    }

    /// Changes documents as a newer program does that keeps more in them.
    private func annotate(_ stand: Stand, _ number: UInt64 = 1) async throws {
        for (index, document) in stand.documents.enumerated() {
            let key = try DocumentKey(
                collection: MarketDataCollection.name,
                id: #require(document[DocumentField.id]),
                shardKey: .init(
                    field: Field.instrumentSymbol,
                    value: #require(document[Field.instrumentSymbol])
                )
            )
            let change = VersionedChange(
                key: key,
                action: .update(
                    expectedVersion: try document.integer(DocumentField.version),
                    DocumentUpdate(set: [("note", .int64(Int64(number)))])
                ),
                operationID: ObjectID(high: UInt32(90 + number), low: UInt64(index))
            )
            #expect(await stand.store.attempt(change) == .applied(.confirmed))
        }
    }

    @Test func ingestWaitsForAnUpgradeAndGoesOnThen() async throws {
        let stand = try await Stand()
        _ = try await stand.bucketWriter().write(Market.buckets([Market.trade(at: 0, time: 0)]))
        let newer = try await raised(stand)
        let before = newer.documents
        let more = Market.buckets([Market.trade(at: 0, time: 0), Market.trade(at: 1, time: 1)])
        let error = await refused { _ = try await newer.bucketWriter().write(more) }
        #expect(error?.code == .newerSchema && error?.isWorthWaitingFor == true && error?.isTransient == false)
        #expect(error?.message.contains("schema version 3") == true)
        #expect(newer.documents == before)
        // Upgraded, the program finds what was there, and loses and doubles nothing.
        let upgraded = try await newer.damaged { _, document in
            document.setting(DocumentField.schemaVersion, .int64(MarketDataCollection.schemaVersion))
        }
        #expect(try await upgraded.bucketWriter().write(more).counts == .init(stored: 1, alreadyStored: 1))
        #expect(try await upgraded.read().map(\.number) == [0, 1])
    }

    /// A writer that knew the bucket before it was raised meets the same refusal.
    @Test func aWriterThatKnewTheBucketIsRefusedAsWell() async throws {
        let stand = try await Stand()
        let writer = stand.bucketWriter()
        _ = try await writer.write(Market.buckets([Market.trade(at: 0, time: 0)]))
        let document = try #require(stand.documents.first)
        let change = VersionedChange(
            key: DocumentKey(
                collection: MarketDataCollection.name,
                id: try #require(document[DocumentField.id]),
                shardKey: .init(field: Field.instrumentSymbol, value: "TEST:A-B")
            ),
            action: .update(
                expectedVersion: 1,
                DocumentUpdate(set: [(DocumentField.schemaVersion, Self.newer)], unset: [Field.blocks])
            ),
            operationID: ObjectID(high: 9, low: 9)
        )
        #expect(await stand.store.attempt(change) == .applied(.confirmed))
        let before = stand.documents
        let error = await refused { _ = try await writer.write(Market.buckets([Market.trade(at: 1, time: 1)])) }
        #expect(error?.code == .newerSchema && stand.documents == before)
    }

    @Test func verificationCountsThemAsNoFault() async throws {
        let stand = try await Stand()
        let events = Market.noise(30_000, first: 0, time: 0)
        for start in stride(from: 0, to: events.count, by: 5_000) {
            _ = try await stand.bucketWriter().write(Market.buckets(Array(events[start..<start + 5_000])))
        }
        #expect(stand.documents.count > 1)
        let newer = try await raised(stand) { $0.hasSuffix("|0") }
        let before = newer.documents
        let ids = OperationIDs(process: 4, start: 0)
        let report = try await Verifier(scrubbing: newer.writer, operationIDs: ids, pace: nil).verify()
        #expect(report.newer == 1 && !report.isComplete)
        #expect(report.findings == [] && report.quarantined == 0)
        #expect(newer.documents == before, "none is in quarantine")
    }

    @Test func readersNameTheUpgrade() async throws {
        let stand = try await Stand()
        _ = try await stand.bucketWriter().write(Market.buckets([Market.trade(at: 0, time: 0)]))
        let newer = try await raised(stand)
        #expect(await refused { _ = try await newer.read() }?.code == .newerSchema)
    }

    /// Neither sealed nor rolled up nor deleted: the instrument is left, and another one is compacted.
    @Test func compactionAndRetentionLeaveTheInstrument() async throws {
        let stand = try await Retention.stand()
        let other = Instrument(venue: "TEST", symbol: "C-D")
        _ = try await stand.bucketWriter(process: 2).write(Market.buckets(Retention.events, instrument: other))
        let last = Market.start + 2 * Market.hour
        let newer = try await raised(stand) { $0.contains("A-B|\(last)") }
        try await newer.store.prepare(DeletionsCollection.specification)
        newer.clock.advance(by: stand.clock.now)
        let before = newer.documents.filter { $0[Field.instrumentSymbol] == "TEST:A-B" }
        let archive = MemoryArchive()
        let report = try await newer.retain(archive: archive)
        #expect(report.leftCount == 1 && report.left.first?.bucket == "TEST:A-B" && report.findingCount == 0)
        #expect(report.left.first?.problem.contains("upgrade this program") == true)
        #expect(newer.documents.filter { $0[Field.instrumentSymbol] == "TEST:A-B" } == before)
        #expect(report.sealed == 3 && report.deletedEvents == 9, "the other instrument")
        #expect(newer.deletions.allSatisfy { $0[DeletionsCollection.Field.instrumentSymbol] == "TEST:C-D" })
    }

    @Test func barsOfANewerProgramStopCompactionToo() async throws {
        let stand = try await Retention.stand()
        _ = try await stand.compact()
        let bars = stand.store.documents(in: CandlesCollection.name)
        let hour = try #require(bars.first { $0[CandlesCollection.Field.interval] == "1h" })
        let change = VersionedChange(
            key: DocumentKey(
                collection: CandlesCollection.name,
                id: try #require(hour[DocumentField.id]),
                shardKey: .init(field: CandlesCollection.Field.instrumentSymbol, value: "TEST:A-B")
            ),
            action: .update(
                expectedVersion: try hour.integer(DocumentField.version),
                DocumentUpdate(set: [(DocumentField.schemaVersion, .int64(CandlesCollection.schemaVersion + 1))])
            ),
            operationID: ObjectID(high: 9, low: 1)
        )
        #expect(await stand.store.attempt(change) == .applied(.confirmed))
        let before = stand.documents
        let report = try await stand.retain()
        #expect(report.leftCount == 1 && report.deleted == 0 && stand.documents == before)
    }

    /// Appending, sealing, quarantine, deletion and restoration keep fields that nobody knows.
    @Test func unknownFieldsSurviveEveryChange() async throws {
        let stand = try await Retention.stand()
        try await annotate(stand)
        let late = Market.trade(at: 9, time: Market.hour / 2)
        _ = try await stand.bucketWriter().write(Market.buckets([late]))
        #expect(stand.documents.allSatisfy { $0["note"] == 1 }, "appended")
        _ = try await stand.compact()
        #expect(stand.documents.count == 3 && stand.documents.allSatisfy { $0["note"] == 1 })
        #expect(stand.documents.allSatisfy { $0[Field.sealedBlockCount] == 1 }, "sealed, and not rolled up")
        let archive = MemoryArchive()
        #expect(try await stand.retain(archive: archive).deletedEvents == 10)
        #expect(stand.documents.allSatisfy { $0["note"] == 1 && $0[Field.eventCount] == 0 }, "deleted")
        for file in archive.files.values { #expect(try await stand.restore(file) == .restored) }
        #expect(stand.documents.allSatisfy { $0["note"] == 1 && ($0[Field.eventCount]?.integer ?? 0) > 0 }, "restored")
        #expect(try await stand.verify().findings == [])
        // In another database, they come out of the archive.
        let empty = try await Stand()
        try await empty.store.prepare(DeletionsCollection.specification)
        for file in archive.files.values { #expect(try await empty.restore(file) == .restored) }
        #expect(empty.documents.count == 3 && empty.documents.allSatisfy { $0["note"] == 1 })
    }

    /// What is rolled up becomes one document: neighbours of those with unknown fields do, those themselves do not.
    @Test func documentsWithUnknownFieldsAreNotRolledUp() async throws {
        let stand = try await Stand()
        let events = (Int64(0)..<5).map { Market.trade(at: $0, time: $0 * Market.hour) }
        _ = try await stand.bucketWriter().write(Market.buckets(events))
        let middle = "|\(Market.start + 2 * Market.hour)|0"
        let marked = try await stand.damaged { id, document in
            id.hasSuffix(middle) ? document.setting("note", 1) : document
        }
        let report = try await marked.compact()
        #expect(report.segments == 2 && report.rolledUp == 4)
        let kept = marked.documents.filter { $0["note"] == 1 }
        #expect(kept.count == 1 && kept.first?[DocumentField.id]?.string?.hasSuffix(middle) == true)
        #expect(try await marked.read().count == 5)
        #expect(try await marked.verify().findings == [])
    }

    /// The first append brings a bucket of the first layout up.
    @Test func anAppendBringsUp() async throws {
        let stand = try await Stand()
        _ = try await stand.bucketWriter().write(Market.buckets([Market.trade(at: 0, time: 0)]))
        let old = try await stand.damaged { _, document in
            let fields = document.fields.filter { $0.key != Field.slots }.map { ($0.key, $0.value) }
            return BSONDocument(fields).setting(DocumentField.schemaVersion, 1)
        }
        _ = try await old.bucketWriter().write(Market.buckets([Market.trade(at: 1, time: 1)]))
        #expect(old.documents.first?[DocumentField.schemaVersion] == 2)
        #expect(old.documents.first?[Field.slots] == .array([.int64(Market.start)]))
        #expect(try await old.read().map(\.number) == [0, 1])
        #expect(try await old.verify().findings == [])
    }

    @Test func bulkMigrationBringsUpAndChangesNothingElse() async throws {
        let stand = try await Stand()
        let events = (Int64(0)..<5).map { Market.trade(at: $0, time: $0 * Market.hour) }
        _ = try await stand.bucketWriter().write(Market.buckets(events))
        let old = try await stand.damaged { _, document in
            let fields = document.fields.filter { $0.key != Field.slots }.map { ($0.key, $0.value) }
            return BSONDocument(fields).setting(DocumentField.schemaVersion, 1)
        }
        let migrator = Migrator(writer: old.writer, operationIDs: OperationIDs(process: 77, start: 0))
        let report = try await migrator.run(MarketDataCollection.specification, isDryRun: false)
        #expect(report.documents == [1: 5] && report.migrated == 5 && report.isClean)
        let ignored: Set<String> = [DocumentField.version, DocumentField.lastOperationID]
        let content = { (document: BSONDocument) in
            document.fields.filter { !ignored.contains($0.key) }.map { "\($0.key) \($0.value)" }.sorted()
        }
        #expect(old.documents.map(content) == stand.documents.map(content))
        #expect(try await old.verify().findings == [])
        _ = try await old.compact()
        #expect(try await old.read().count == 5)
    }
}
