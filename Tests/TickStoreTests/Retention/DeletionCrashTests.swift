import BSON
import DocumentStore
import MarketData
import SimulatedStore
import Testing

@testable import TickStore

/// Deletions that are killed, meet faults, and meet each other.
@Suite struct DeletionCrashTests {
    /// Nothing is lost, nothing is twice, and the audit tells what was deleted.
    private func check(_ stand: Stand, _ archive: MemoryArchive, _ place: String) async throws {
        #expect(try await stand.verify().findings == [], "\(place)")
        #expect(try stand.auditProblems() == [], "\(place)")
        #expect(HistoryChecker.violations(of: stand.store.history) == [], "\(place)")
        let deleted = try stand.outlines.compactMap(\.deleted).reduce(0) { $0 + $1.eventCount }
        #expect(try await stand.read().count + Int(deleted) == 9, "\(place)")
        let other = try await Stand(seed: 9)
        for file in archive.files.values { _ = try await other.restore(file) }
        #expect(try await other.read().count == 9, "the archive has all of it, \(place)")
    }

    @Test func everyCrashPoint() async throws {
        for isReplyLost in [false, true] {
            var number = 0
            var isWhole = false
            while !isWhole {
                number += 1
                let (stand, archive) = (try await Retention.stand(), MemoryArchive())
                stand.store.crashAfter(number, lastReplyLost: isReplyLost)
                isWhole = (try? await stand.retain(archive: archive)) != nil
                stand.store.revive()
                let deleted = try stand.outlines.compactMap(\.deleted).reduce(0) { $0 + $1.eventCount }
                #expect(try await stand.read().count + Int(deleted) == 9)
                // A document without events has its record, complete or not.
                let records = Set(stand.deletions.compactMap { $0[DocumentField.id]?.string })
                for outline in try stand.outlines where outline.deleted != nil {
                    #expect(records.contains("\(outline.id)|\(outline.state.version - 1)"))
                }
                try await stand.retain(archive: archive, process: 61)
                #expect(try await stand.read().isEmpty, "operation \(number)")
                try await check(stand, archive, "operation \(number), reply lost: \(isReplyLost)")
            }
            #expect(number > 15)
        }
    }

    /// A run with another rule, and without the archive, finishes what one began: the record tells of both.
    @Test func anotherRunFinishes() async throws {
        for number in stride(from: 1, through: 160, by: 2) {
            let (stand, archive) = (try await Retention.stand(), MemoryArchive())
            stand.store.crashAfter(number)
            _ = try? await stand.retain(archive: archive)
            stand.store.revive()
            try await stand.retain(Retention.policy([.init(venue: "TEST", kind: .trade, keep: .seconds(86_400))]))
            #expect(try await stand.read().isEmpty)
            #expect(try stand.auditProblems() == [], "operation \(number)")
            let record = try #require(stand.deletions.first)
            // Where a copy was made and written down, the record goes on telling where it is.
            if record[Retention.Audit.archive] != .null { #expect(archive.files.count == 1) }
        }
    }

    /// What a killed run deleted, and did not live to say so, is restored: its record says both.
    @Test func whatAKilledRunDeletedIsRestored() async throws {
        var pendingCount = 0
        for number in stride(from: 1, through: 160, by: 2) {
            let (stand, archive) = (try await Retention.stand(), MemoryArchive())
            stand.store.crashAfter(number)
            _ = try? await stand.retain(archive: archive)
            stand.store.revive()
            guard try stand.outlines.contains(where: { $0.deleted != nil }) else { continue }
            if stand.deletions.first?[Retention.Audit.completedAt] == .null { pendingCount += 1 }
            for file in archive.files.values { #expect(try await stand.restore(file) == .restored) }
            try await stand.retain(Retention.policy([]))
            #expect(try await stand.read().count == 9)
            let record = try #require(stand.deletions.first, "the deletion was made")
            #expect(record[Retention.Audit.completedAt] != .null && record[Retention.Audit.restoredAt] != .null)
        }
        #expect(pendingCount > 0)
    }

    @Test func twoRunnersAtOnce() async throws {
        for seed in UInt64(1)...20 {
            let (stand, archive) = (try await Retention.stand(seed: seed), MemoryArchive())
            if seed % 2 == 0 { stand.store.faults = .all(0.08) }
            for process in [UInt32(61), 63] {
                async let one = stand.retain(archive: archive, process: process)
                async let other = stand.retain(archive: archive, process: process + 1)
                _ = try? await (one, other)
            }
            stand.store.deliverLateChanges()
            stand.store.faults = FaultPlan()
            try await stand.retain(archive: archive, process: 65)
            #expect(try await stand.read().isEmpty, "seed \(seed)")
            try await check(stand, archive, "seed \(seed)")
        }
    }
}
