import BSON
import DocumentStore
import Testing

extension ConformanceCase {
    /// Changes under leases: documents remember the greatest epoch, and earlier ones change nothing.
    static let fencing: [ConformanceCase] = [
        ConformanceCase("changesUnderALeaseCarryItsEpoch") { place async throws in
            let writer = place.writer.fenced(by: 3)
            #expect(await writer.apply(place.create("a", ["value": 1])).isApplied(version: 1))
            #expect(try await place.document("a")?[DocumentField.epoch] == 3)
            #expect(await place.writer.fenced(by: 4).apply(place.update("a")).isApplied(version: 2))
            #expect(try await place.document("a")?[DocumentField.epoch] == 4)
        },
        ConformanceCase("whatWasNeverUnderALeaseTakesAny") { place async throws in
            await place.prepareDocuments([("a", ["value": 1])])
            #expect(await place.writer.fenced(by: 1).apply(place.update("a")).isApplied(version: 2))
            #expect(try await place.document("a")?[DocumentField.epoch] == 1)
        },
        ConformanceCase("anEarlierLeaseChangesNothingAtTheRightVersion") { place async throws in
            #expect(await place.writer.fenced(by: 5).apply(place.create("a", ["value": 1])).isApplied(version: 1))
            let before = try await place.document("a")
            let earlier = place.writer.fenced(by: 4)
            #expect(await earlier.apply(place.update("a", operation: 7)).isFenced)
            #expect(await earlier.apply(place.delete("a", operation: 8)).isFenced)
            #expect(await earlier.apply(place.create("a", operation: 9)).isFenced)
            #expect(try await place.document("a") == before)
            #expect(earlier.statistics.fenced == 3)
        },
        ConformanceCase("aBulkIsFencedDocumentByDocument") { place async throws in
            let later = place.writer.fenced(by: 2)
            #expect(await later.apply(place.create("a", ["value": 1])).isApplied(version: 1))
            await place.prepareDocuments([("b", ["value": 1])])
            let outcomes = await place.writer.fenced(by: 1).apply([
                place.update("a", operation: 4), place.update("b", operation: 5),
            ])
            // Of a bulk of which some found their documents, the store tells by reading back.
            #expect(!outcomes[0].isApplied(version: 2) && outcomes[1].isApplied(version: 2), "\(outcomes)")
            #expect(try await place.document("a")?[DocumentField.version] == 1)
        },
        ConformanceCase("whoNeedsNoLeaseChangesWhatLeasesWrote") { place async throws in
            #expect(await place.writer.fenced(by: 5).apply(place.create("a", ["value": 1])).isApplied(version: 1))
            #expect(await place.writer.apply(place.update("a")).isApplied(version: 2))
            #expect(try await place.document("a")?[DocumentField.epoch] == 5)
        },
    ]
}

extension ChangeOutcome {
    fileprivate func isApplied(version: Int64) -> Bool {
        if case .applied(version, _) = self { true } else { false }
    }

    fileprivate var isFenced: Bool {
        if case .failed(let error) = self { error.code == .fenced } else { false }
    }
}
