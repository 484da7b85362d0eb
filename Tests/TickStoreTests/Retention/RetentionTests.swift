import BSON
import DocumentStore
import MarketData
import SimulatedStore
import Testing

@testable import TickStore

/// What retention deletes, what it leaves, and what becomes of late events and replays behind it.
@Suite struct RetentionTests {
    private typealias Field = MarketDataCollection.Field
    private typealias Audit = DeletionsCollection.Field

    @Test func eventsAreDeletedAndWrittenDown() async throws {
        let stand = try await Retention.stand()
        let report = try await stand.retain()
        #expect(report.sealed == 3 && report.rolledUp == 3 && report.segments == 1)
        #expect(report.deleted == 1 && report.deletedEvents == 9 && report.bytesAfter == 0)
        #expect(try await stand.read().isEmpty)
        let document = try #require(stand.documents.first)
        #expect(stand.documents.count == 1)
        #expect(document[Field.blocks] == .array([]) && document[Field.eventCount] == 0)
        #expect(document[Field.deletedEventCount] == 9 && document[Field.open] == nil && document[Field.volume] == nil)
        let record = try #require(stand.deletions.first)
        #expect(stand.deletions.count == 1 && record[Audit.events] == 9 && record[Audit.archive] == .null)
        #expect(record[Audit.checksum] == document[Field.deletedChecksum])
        #expect(record[Audit.rule] == "* trade 3600s" && record[Audit.source] == .string(Market.source))
        #expect(record[Audit.firstEventTime] == .int64(Market.start))
        #expect(try stand.auditProblems() == [])
        let verified = try await stand.verify()
        #expect(verified.findings == [] && verified.events == 0)
        #expect(verified.deletedBuckets == 1 && verified.deletedEvents == 9)
        #expect(try await InstrumentOverview.load(stand.writer).isEmpty)
        let history = stand.store.history.count
        #expect(try await stand.retain().deleted == 0)
        #expect(stand.store.history.count == history, "a second run changes nothing")
    }

    @Test func barsOutliveTheirTradesHoweverManyComeLate() async throws {
        let stand = try await Retention.stand()
        try await stand.retain()
        let before = stand.store.documents(in: CandlesCollection.name)
        try #require(!before.isEmpty)
        let late = (Int64(0)..<9).map { Market.trade(at: 100 + $0, time: $0) }
        _ = try await stand.bucketWriter(process: 4).write(Market.buckets(late))
        let report = try await stand.retain()
        #expect(report.sealed == 1 && report.finalizedHours == 0)
        #expect(stand.store.documents(in: CandlesCollection.name) == before)
        // Nor does it do harm that the bars are gone.
        let withoutBars = try await stand.copy([MarketDataCollection.name])
        #expect(try await withoutBars.retain().finalizedHours == 0)
    }

    @Test func nothingIsDeletedWithoutARule() async throws {
        let stand = try await Retention.stand()
        #expect(try await stand.retain(Retention.policy([])).deleted == 0)
        let others: [RetentionRule] = [
            .init(kind: .quote, keep: .seconds(1)), .init(venue: "OTHER", kind: .trade, keep: .seconds(1)),
            .init(venue: "TEST", kind: .trade, keep: nil), .init(kind: .trade, keep: .seconds(1)),
        ]
        #expect(try await stand.retain(Retention.policy(others)).deleted == 0, "the first that matches decides")
        #expect(try await stand.read().count == 9)
        #expect(stand.deletions.isEmpty)
    }

    /// A replay from the start does not bring back what was deleted, and late events find a new part.
    @Test func lateEventsBeginANewPart() async throws {
        for isRolledUp in [false, true] {
            let stand = try await Retention.stand()
            let writer = stand.bucketWriter(process: 2)
            _ = try await writer.write(Market.buckets(Retention.events))
            // A bucket that is sealed stays open for late events; a segment never is.
            if isRolledUp { try await stand.retain() } else { try await deleteBuckets(stand) }
            for writer in [writer, stand.bucketWriter(process: 3)] {
                let again = try await writer.write(Market.buckets(Retention.events))
                #expect(again.counts == .init(stored: 0, alreadyStored: 9))
            }
            let late = [9, 10].map { Market.trade(at: $0, time: ($0 - 9) * Market.hour) }
            let all = Market.buckets(Retention.events + late)
            #expect(try await writer.write(all).counts == .init(stored: 2, alreadyStored: 9))
            #expect(try await stand.read().map(\.number) == [9, 10])
            #expect(try await stand.verify().findings == [])
            #expect(stand.documents.compactMap { $0[Field.part] }.contains(1))
            // The bars of their hours lack them: nobody keeps bars current here. So they stay.
            #expect(try await stand.retain().deletedEvents == 0)
            #expect(try await stand.bucketWriter(process: 4).write(all).counts == .init(stored: 0, alreadyStored: 11))
            #expect(try await stand.verify().findings == [])
            #expect(try stand.auditProblems() == [])
        }
    }

    /// Deletes the events of single buckets, as where a window is over and its day is not.
    private func deleteBuckets(_ stand: Stand) async throws {
        _ = try await stand.compact(CompactionPolicy(grace: 0, takesOpenWindows: true, segmentBytesMax: 1))
        let one = CompactionPolicy(
            grace: 0,
            takesOpenWindows: true,
            segmentBytesMax: 1,
            retention: RetentionPolicy(rules: Retention.rules)
        )
        #expect(try await stand.retain(one).deleted == 3)
    }

    /// What is damaged is named and kept.
    @Test func damagedDocumentsAreKept() async throws {
        let stand = try await Retention.stand()
        _ = try await stand.compact()
        let changes: [(BSONDocument) -> BSONDocument] = [
            { document in document.changingBlocks { $0[0][50] ^= 1 } },
            { $0.setting(Field.eventCount, 8) }, { $0.setting(Field.checksum, 1) },
            { $0.setting(Field.lastEventTime, .int64(Market.start)) },
            { $0.setting(Field.close, $0[Field.open] ?? .null) }, { $0.setting(Field.sealedTimes, .array([])) },
        ]
        for (number, change) in changes.enumerated() {
            let damaged = try await stand.damaged { change($1) }
            damaged.clock.advance(by: .seconds(400 * 86_400))
            let before = damaged.documents
            let report = try await damaged.retain()
            #expect(report.deleted == 0 && report.findingCount == 1, "change \(number)")
            #expect(report.findings.first?.problem.hasPrefix("its events are not deleted") == true)
            #expect(damaged.documents == before && damaged.deletions.isEmpty)
        }
    }

    @Test func theArchiveHasWhatWasDeleted() async throws {
        let stand = try await Retention.stand()
        let archive = MemoryArchive()
        #expect(try await stand.retain(archive: archive).deleted == 1)
        let (name, bytes) = try #require(archive.files.first)
        #expect(archive.files.count == 1 && name.hasPrefix("TEST-A-B.trade.20240808T000000Z.1048576."))
        #expect(try ArchivedSegment(file: bytes).eventCount == 9)
        let record = try #require(stand.deletions.first?[Audit.archive]?.document)
        #expect(record[Audit.archiveFile] == .string(name))
        let checksum = try #require(record[Audit.archiveChecksum]?.integer)
        #expect(name.hasSuffix(".\(String(UInt32(checksum) + 0, radix: 16).leftPadded(to: 8)).tda"))
    }

    @Test func anArchiveThatFailsKeepsEverything() async throws {
        let faults: [(MemoryArchive.Fault, ArchiveError.Code)] = [
            (.noSpace, .noSpace), (.replyLost, .unavailable), (.damagedOnReading, .damaged),
        ]
        for (fault, code) in faults {
            let stand = try await Retention.stand()
            _ = try await stand.compact()
            let other = Instrument(venue: "TEST", symbol: "C")
            _ = try await stand.bucketWriter().write(Market.buckets(Retention.events, instrument: other))
            let archive = MemoryArchive()
            archive.inject([fault])
            let report = try await stand.retain(archive: archive)
            #expect(report.archiveError?.code == code && report.deleted == 0)
            #expect(report.sealed == 3, "all else goes on")
            #expect(archive.keepCount == 1, "an archive that failed is not asked again")
            #expect(try await stand.read().count == 9 && stand.deletions.isEmpty)
            // The next run finds the archive well.
            #expect(try await stand.retain(archive: archive).deletedEvents == 18)
            #expect(try stand.auditProblems() == [])
        }
    }

    /// Another file has the name: that document is kept, and the others are not held up by it.
    @Test func anotherFileOfTheNameKeepsItsDocument() async throws {
        let (stand, archive) = (try await Retention.stand(), MemoryArchive())
        _ = try await stand.compact()
        let outline = try #require(try stand.outlines.first)
        let segment = try ArchivedSegment(try #require(try await StoredBucket.read(outline, stand.writer)))
        let name = ArchiveFileName.make(outline, checksum: try segment.file().checksum)
        try await archive.keep([1], as: name)
        let other = Instrument(venue: "TEST", symbol: "C")
        _ = try await stand.bucketWriter().write(Market.buckets(Retention.events, instrument: other))
        let report = try await stand.retain(archive: archive)
        #expect(report.archiveError == nil && report.findings.map(\.bucket) == [outline.id])
        #expect(report.deleted == 1 && archive.files[name] == [1])
        #expect(try await stand.read().count == 9)
    }

    /// The plan has what the run does, with sizes and the rule.
    @Test func deletionsArePlanned() async throws {
        let stand = try await Retention.stand()
        _ = try await stand.compact()
        let history = stand.store.history.count
        let ids = OperationIDs(process: 1, start: 0)
        let plan = try await Compactor(writer: stand.writer, operationIDs: ids, policy: Retention.policy()).plan()
        #expect(plan.map(\.action) == [.delete] && plan.map(\.events) == [9])
        #expect(
            plan.first?.rule == "* trade 3600s"
                && plan.first?.bytes == stand.documents.first?[Field.blockBytes]?.integer
        )
        #expect(stand.store.history.count == history)
    }

    /// A rule that is withdrawn while a deletion is under way leaves a record that says nothing; it goes.
    @Test func aDeletionThatWasNeverMadeLeavesNoRecord() async throws {
        let stand = try await Retention.stand()
        _ = try await stand.compact()
        let outline = try #require(try stand.outlines.first)
        let ledger = DeletionLedger(writer: stand.writer, operationIDs: OperationIDs(process: 5, start: 0))
        _ = try await ledger.request(outline, Retention.rules[0], nil)
        try await stand.retain(Retention.policy([]))
        #expect(stand.deletions.count == 1, "it may still be made")
        let late = Market.buckets([Market.trade(at: 9, time: 0)])
        _ = try await stand.bucketWriter(process: 2).write(late)
        try await stand.retain(Retention.policy([]))
        #expect(stand.deletions.isEmpty, "its document went into another segment")
        #expect(try await stand.read().count == 10)
    }
}

extension String {
    fileprivate func leftPadded(to count: Int) -> String {
        String(repeating: "0", count: max(0, count - self.count)) + self
    }
}
