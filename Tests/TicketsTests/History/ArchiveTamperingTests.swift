import BSON
import DocumentStore
import SimulatedStore
import Testing

@testable import Tickets

/// What is in archive documents is verified as what is in the ticket.
@Suite struct ArchiveTamperingTests {
    private func verify(
        _ edit: @escaping (BSONDocument) -> BSONDocument?
    ) async throws -> [TicketVerification.Finding] {
        let stand = DeskStand()
        try await RichHistory.makeLong(stand)
        #expect(stand.store.documents(in: SupportHistoryCollection.name).count >= 1)
        await expectClean(stand)
        let tampered = try await stand.tampered { collection, document in
            collection == SupportHistoryCollection.name ? edit(document) : document
        }
        return try await tampered.verify().findings
    }

    @Test func missingArchiveIsNamed() async throws {
        let findings = try await verify { _ in nil }
        #expect(findings.contains { $0.sequence == 1 && $0.problem.contains("missing") }, "\(findings)")
    }

    @Test func editedEventInTheArchiveIsNamed() async throws {
        let findings = try await verify { document in
            document.editingEvent(2) { $0.editingChange { $0.setting("to", "short") } }
        }
        #expect(findings.map(\.sequence) == [2], "\(findings)")
    }

    @Test func removedEventInTheArchiveIsNamed() async throws {
        let findings = try await verify { $0.editingEvent(2) { _ in nil } }
        #expect(findings.contains { $0.sequence == 2 }, "\(findings)")
    }

    @Test func unreadableArchiveIsNamed() async throws {
        let findings = try await verify { $0.setting("events", "none") }
        #expect(findings.contains { $0.sequence == 1 && $0.problem.contains("cannot be read") }, "\(findings)")
    }

    @Test func archiveThatTheTicketDoesNotListIsNoPartOfIt() async throws {
        let stand = DeskStand()
        try await RichHistory.makeLong(stand)
        let tampered = try await stand.tampered { collection, document in
            collection == SupportRequestsCollection.name ? document.setting("archives", []) : document
        }
        let findings = try await tampered.verify().findings
        #expect(findings.contains { $0.sequence == 1 && $0.problem.contains("missing") }, "\(findings)")
    }
}
