import BSON
import DocumentStore
import MarketData
import SimulatedStore
import Testing

@testable import TickStore

/// Bringing deleted events back: where they were, elsewhere, twice, and not in the place of others.
@Suite struct RestoreTests {
    private typealias Field = MarketDataCollection.Field
    private typealias Audit = DeletionsCollection.Field

    /// A store whose events were deleted, the file that they are in, and the document as it was.
    private func deleted() async throws -> (stand: Stand, file: [UInt8], before: BSONDocument) {
        let stand = try await Retention.stand()
        _ = try await stand.compact()
        let before = try #require(stand.documents.first)
        let archive = MemoryArchive()
        try await stand.retain(archive: archive)
        return (stand, try #require(archive.files.values.first), before)
    }

    private func content(_ document: BSONDocument) -> [String: BSONValue] {
        let changing = [DocumentField.version, DocumentField.lastOperationID, Field.keepUntil]
        let fields = document.fields.filter { !changing.contains($0.key) }.map { ($0.key, $0.value) }
        return Dictionary(fields, uniquingKeysWith: { first, _ in first })
    }

    @Test func aTombstoneGetsItsEventsAgain() async throws {
        let (stand, file, before) = try await deleted()
        #expect(try await stand.restore(file) == .restored)
        let document = try #require(stand.documents.first)
        #expect(content(document) == content(before), "all is as it was")
        #expect(try await stand.read().count == 9)
        #expect(try await stand.verify().findings == [])
        #expect(stand.deletions.first?[Audit.restoredAt] != .null)
        #expect(try stand.auditProblems() == [])
        // Once more: nothing to do, nothing done.
        let history = stand.store.history.count
        #expect(try await stand.restore(file) == .alreadyThere)
        #expect(stand.store.history.count == history)
        let writer = stand.bucketWriter(process: 9)
        #expect(try await writer.write(Market.buckets(Retention.events)).counts == .init(stored: 0, alreadyStored: 9))
    }

    @Test func whatWasRestoredIsKeptForAWhile() async throws {
        let (stand, file, _) = try await deleted()
        #expect(try await stand.restore(file, keep: .seconds(86_400)) == .restored)
        #expect(try await stand.retain().deleted == 0)
        // It stays so in a segment with others.
        _ = try await stand.bucketWriter(process: 2).write(Market.buckets([Market.trade(at: 9, time: 0)]))
        let report = try await stand.retain()
        #expect(report.rolledUp == 2 && report.deleted == 0)
        #expect(try await stand.read().count == 10)
        stand.clock.advance(by: .seconds(86_400))
        #expect(try await stand.retain().deletedEvents == 10)
        #expect(try await stand.verify().findings == [])
        #expect(try stand.auditProblems() == [])
    }

    /// Deleted and restored again and again, each deletion has its own record.
    @Test func everyDeletionIsRestored() async throws {
        let (stand, first, _) = try await deleted()
        var file = first
        for _ in 0..<3 {
            #expect(try await stand.restore(file, keep: .zero) == .restored)
            let archive = MemoryArchive()
            #expect(try await stand.retain(archive: archive).deleted == 1)
            file = try #require(archive.files.values.first)
            #expect(try stand.auditProblems() == [])
        }
        #expect(stand.deletions.count == 4)
        // The oldest file is as good as the newest.
        #expect(try await stand.restore(first) == .restored)
        #expect(stand.deletions.allSatisfy { $0[Audit.restoredAt] != .null })
        #expect(try await stand.read().count == 9)
    }

    @Test func anotherDatabaseGetsTheDocument() async throws {
        let (_, file, before) = try await deleted()
        let other = try await Stand(seed: 2)
        #expect(try await other.restore(file) == .restored)
        let document = try #require(other.documents.first)
        #expect(content(document) == content(before))
        #expect(document[DocumentField.version] == 1 && other.deletions.isEmpty)
        #expect(try await other.read().map(\.number) == Array(0..<9))
        #expect(try await other.verify().findings == [])
        #expect(try await other.restore(file) == .alreadyThere)
        let writer = other.bucketWriter(process: 9)
        #expect(try await writer.write(Market.buckets(Retention.events)).counts == .init(stored: 0, alreadyStored: 9))
    }

    /// A bucket that was open when it was archived is closed when it is restored, or late events would go into it.
    @Test func lateEventsGoBehindARestoredBucket() async throws {
        let (stand, archive) = (try await Retention.stand(), MemoryArchive())
        let single = CompactionPolicy(
            takesOpenWindows: true,
            segmentBytesMax: 1,
            retention: RetentionPolicy(rules: Retention.rules)
        )
        #expect(try await stand.retain(single, archive: archive).deleted == 3)
        let late = Market.buckets([Market.trade(at: 9, time: 1)])
        _ = try await stand.bucketWriter(process: 2).write(late)
        for file in archive.files.values { #expect(try await stand.restore(file) == .restored) }
        #expect(try await stand.read().map(\.number) == [0, 9] + Array(1..<9))
        #expect(try await stand.verify().findings == [])
        let other = try await Stand(seed: 2)
        for file in archive.files.values { #expect(try await other.restore(file) == .restored) }
        #expect(try await other.bucketWriter().write(late).counts == .init(stored: 1, alreadyStored: 0))
        #expect(try await other.verify().findings == [])
    }

    /// Events of equal time follow their positions, whatever went where in between.
    @Test func equalTimesKeepTheirOrder() async throws {
        let stand = try await Stand()
        stand.clock.advance(by: .seconds(400 * 86_400))
        let writer = stand.bucketWriter()
        var files: [[UInt8]] = []
        for position in Int64(0)..<3 {
            let trade = Market.trade(at: position, time: 7)
            _ = try await writer.write(Market.buckets([trade]))
            try await stand.addToBars([trade])
            let archive = MemoryArchive()
            if position < 2 { try await stand.retain(archive: archive) } else { _ = try await stand.compact() }
            files += archive.files.values
        }
        try #require(files.count == 2)
        #expect(try await stand.restore(files[0]) == .restored)
        _ = try await stand.compact()
        #expect(try await stand.restore(files[1]) == .restored)
        #expect(try await stand.read().map(\.number) == [0, 1, 2])
        _ = try await stand.compact()
        #expect(try await stand.read().map(\.number) == [0, 1, 2])
        #expect(stand.documents.count == 1 && stand.documents.first?[Field.windows] != nil)
    }

    @Test func otherContentIsRefused() async throws {
        let (stand, file, _) = try await deleted()
        func refused(_ stand: Stand) async throws -> String? {
            let before = stand.documents
            guard case .refused(let reason) = try await stand.restore(file) else { return nil }
            #expect(stand.documents == before)
            return reason
        }
        // Other events were deleted from the document.
        let tombstone = try await stand.damaged { $1.setting(Field.deletedChecksum, 1) }
        #expect(try await refused(tombstone)?.contains("other events than these were deleted") == true)
        // The document holds other events; ingest wrote its windows; they went into a segment.
        #expect(try await stand.restore(file) == .restored)
        let changed = try await stand.damaged { $1.setting(Field.checksum, 1) }
        #expect(try await refused(changed)?.contains("holds other events") == true)
        let written = try await Stand(seed: 3)
        _ = try await written.bucketWriter().write(Market.buckets(Retention.events))
        #expect(try await refused(written)?.contains("holds events of the same parts") == true)
        _ = try await stand.bucketWriter(process: 2).write(Market.buckets([Market.trade(at: 9, time: 0)]))
        _ = try await stand.compact()
        #expect(try await refused(stand)?.contains("holds events of the same parts") == true)
        #expect(try await stand.read().count == 10)
    }

    @Test func faultsAndCompetitorsAreSatOut() async throws {
        for seed in UInt64(1)...20 {
            let (stand, file, _) = try await deleted()
            stand.store.faults = .all(0.1)
            for _ in 0..<3 {
                async let one = stand.restore(file)
                async let other = stand.restore(file, process: 71)
                _ = try? await (one, other)
            }
            stand.store.deliverLateChanges()
            stand.store.faults = FaultPlan()
            #expect(try await stand.restore(file) == .alreadyThere, "seed \(seed)")
            #expect(try await stand.read().count == 9 && stand.deletions.first?[Audit.restoredAt] != .null)
            #expect(try await stand.verify().findings == [] && stand.auditProblems() == [])
            #expect(HistoryChecker.violations(of: stand.store.history) == [])
        }
    }

    /// A restoration is killed after each of its operations, and another one finishes.
    @Test func everyCrashPoint() async throws {
        for isReplyLost in [false, true] {
            for number in 1...20 {
                let (stand, file, _) = try await deleted()
                stand.store.crashAfter(number, lastReplyLost: isReplyLost)
                let isWhole = (try? await stand.restore(file)) != nil
                stand.store.revive()
                #expect(try await stand.read().count % 9 == 0, "all of it or nothing")
                try await stand.retain()
                #expect([.restored, .alreadyThere].contains(try await stand.restore(file)))
                #expect(try await stand.read().count == 9 && stand.deletions.first?[Audit.restoredAt] != .null)
                #expect(try await stand.verify().findings == [] && stand.auditProblems() == [], "operation \(number)")
                #expect(number < 20 || isWhole, "it has fewer operations than were tried")
            }
        }
    }
}
