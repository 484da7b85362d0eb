import BSON
import DocumentStore
import MarketData
import SimulatedStore
import Testing

@testable import TickStore

/// Each kind of damage is found and named; a store without damage is clean.
@Suite struct VerifierTests {
    private typealias Field = MarketDataCollection.Field

    /// Three blocks in one window, and one in the next.
    private func stand() async throws -> Stand {
        let stand = try await Stand()
        let writer = stand.bucketWriter()
        for round in Int64(0)..<3 {
            let events = (0..<10).map { Market.trade(at: 10 * round + $0, time: 10 * round + $0) }
            _ = try await writer.write(Market.buckets(events))
        }
        _ = try await writer.write(Market.buckets([Market.trade(at: 40, time: Market.hour)]))
        return stand
    }

    /// A window of three parts, the last of them open.
    private func parts() async throws -> Stand {
        let stand = try await Stand()
        let writer = stand.bucketWriter()
        for round in Int64(0)..<5 {
            let events = Market.noise(10_000, first: 10_000 * round, time: 10_000_000 * round)
            _ = try await writer.write(Market.buckets(events))
        }
        #expect(stand.documents.count == 3)
        return stand
    }

    /// The problems that are found after the first bucket was changed.
    private func problems(_ change: (BSONDocument) -> BSONDocument?) async throws -> [String] {
        let damaged = try await stand().damaged { id, document in
            id.hasSuffix("|\(Market.start)|0") ? change(document) : document
        }
        let report = try await damaged.verify()
        #expect(report.findings.count == report.findingCount)
        #expect(report.findings.allSatisfy { $0.bucket.hasSuffix("|\(Market.start)|0") })
        return report.findings.map(\.problem)
    }

    @Test func cleanStore() async throws {
        let report = try await stand().verify()
        #expect(report.isClean && report.findings.isEmpty)
        #expect(report.buckets == 2 && report.blocks == 4 && report.events == 31)
        #expect(try await Stand().verify() == VerificationReport())
        #expect(try await parts().verify().isClean)
        #expect(try await stand().damaged { $1 }.verify().isClean, "a copy is clean")
    }

    /// What retention left is whole in its own way.
    @Test func tombstones() async throws {
        let stand = try await Retention.stand()
        try await stand.retain()
        func problems(_ change: (BSONDocument) -> BSONDocument) async throws -> [String] {
            try await stand.damaged { change($1).setting(Field.windowSeconds, 86_400) }.verify().findings.map(\.problem)
        }
        // A copy begins at version 1 again.
        let version = "it does not say what was deleted"
        #expect(try await problems { $0 } == [version])
        let left = ["something is left of events that were deleted", version]
        #expect(try await problems { $0.setting(Field.eventCount, 1) } == left)
        #expect(try await problems { $0.setting(Field.checksum, 1) } == left)
        #expect(try await problems { $0.setting(Field.blocks, .array([.binary([1])])) } == left)
        #expect(
            try await problems { $0.setting(Field.isClosed, false) } == [
                "its events were deleted, and it takes new ones", version,
            ]
        )
        #expect(try await problems { $0.setting(Field.source, "x") } == ["the id does not match the fields", version])
        let bare = try await problems {
            BSONDocument($0.fields.filter { $0.key != Field.deletedEventCount }.map { ($0.key, $0.value) })
        }
        #expect(bare.contains("first_event_time does not match the events"), "no bucket is empty for another reason")
    }

    @Test func decimalsOfSeveralExponentsAreNoDamage() async throws {
        let stand = try await Stand()
        let writer = stand.bucketWriter()
        for (round, texts) in [["61800.3", "61800.31"], ["7", "61800.305"], ["61800"]].enumerated() {
            let events = texts.enumerated().map { index, text in
                Market.trade(
                    at: Int64(10 * round + index),
                    time: Int64(10 * round + index),
                    price: ExactDecimal(parsing: text),
                    size: ExactDecimal(parsing: ["0", "0.00", "1.5", "0.25"][(round + index) % 4]) ?? .zero
                )
            }
            _ = try await writer.write(Market.buckets(events))
        }
        #expect(try await stand.verify().findings == [])
    }

    @Test func flippedByte() async throws {
        for place in [4, 60, 100] {
            let found = try await problems { $0.changingBlocks { $0[1][place] ^= 0x10 } }
            #expect(found.count == 1)
            #expect(found.first?.hasPrefix("block 1: the block is damaged: ") == true, "\(found)")
        }
    }

    @Test func droppedBlock() async throws {
        let found = try await problems { $0.changingBlocks { $0.removeLast() } }
        #expect(found.contains("the checksum of the bucket does not match its blocks"))
        #expect(found.contains("block_count does not match the blocks"))
        #expect(found.contains("event_count does not match the blocks"))
        #expect(found.contains("applied_through is not the position of the last event"))
    }

    @Test func swappedBlocks() async throws {
        let found = try await problems { $0.changingBlocks { $0.swapAt(0, 1) } }
        #expect(
            found == [
                "block 1 does not continue the positions of the one before",
                "the checksum of the bucket does not match its blocks",
            ]
        )
    }

    /// A block in place of another of the same size is sound by itself; only the bucket knows better.
    @Test func exchangedBlock() async throws {
        let other = try await Stand()
        let events = (Int64(10)..<20).map { position in
            let price = ExactDecimal(mantissa: position == 15 ? 116 : 100 + position, exponent: -2)
            return Market.trade(at: position, time: position, price: price)
        }
        _ = try await other.bucketWriter().write(Market.buckets(events))
        let blocks = other.documents.first?[Field.blocks]?.array?.compactMap(\.binary) ?? []
        let found = try await problems { document in
            document.changingBlocks { old in
                #expect(old[1].count == blocks[0].count)
                old[1] = blocks[0]
            }
        }
        #expect(found == ["the checksum of the bucket does not match its blocks"])
    }

    @Test func repeatedBlock() async throws {
        let found = try await problems { $0.changingBlocks { $0.append($0[2]) } }
        #expect(found.contains("block 3 does not continue the positions of the one before"))
    }

    @Test func allBlocksGone() async throws {
        let found = try await problems { $0.changingBlocks { $0.removeAll() } }
        #expect(found.contains("event_count does not match the blocks"))
        #expect(try await problems { $0.setting(Field.blocks, .null) } == ["there are no blocks"])
        let text = try await problems { $0.setting(Field.blocks, ["text"]) }
        #expect(text.contains("block 0 is not binary"))
    }

    @Test(arguments: [
        (MarketDataCollection.Field.blockCount, "block_count does not match the blocks"),
        (MarketDataCollection.Field.blockBytes, "block_bytes does not match the blocks"),
        (MarketDataCollection.Field.eventCount, "event_count does not match the blocks"),
        (MarketDataCollection.Field.firstEventTime, "first_event_time does not match the events"),
        (MarketDataCollection.Field.lastEventTime, "last_event_time does not match the events"),
        (MarketDataCollection.Field.appliedThrough, "applied_through is not the position of the last event"),
        (MarketDataCollection.Field.checksum, "the checksum of the bucket does not match its blocks"),
        (MarketDataCollection.Field.closeTime, "the summary of prices and volume does not match the events"),
    ])
    func wrongNumber(field: String, problem: String) async throws {
        let found = try await problems { document in
            document.setting(field, .int64((document[field]?.integer ?? 0) + 1))
        }
        #expect(found == [problem])
        let missing = try await problems { $0.setting(field, "text") }
        #expect(missing.count == 1)
    }

    @Test(arguments: [
        MarketDataCollection.Field.open, MarketDataCollection.Field.high, MarketDataCollection.Field.low,
        MarketDataCollection.Field.close, MarketDataCollection.Field.volume,
    ])
    func wrongSummary(field: String) async throws {
        let expected = ["the summary of prices and volume does not match the events"]
        let other = BSONValue.decimal128(Decimal128(coefficient: 99, exponent: -2))
        #expect(try await problems { $0.setting(field, other) } == expected)
        #expect(try await problems { $0.setting(field, .null) } == expected)
    }

    @Test func wrongWindowPartKindAndSource() async throws {
        let window = try await problems { $0.setting(Field.windowStart, .int64(Market.start - Market.hour)) }
        #expect(
            window == [
                "the id does not match the fields", "the slots do not match window and part",
                "an event lies outside the window",
            ]
        )
        let part = try await problems { $0.setting(Field.part, 1) }
        #expect(
            part == [
                "the first parts of the window are missing", "the id does not match the fields",
                "the slots do not match window and part",
            ]
        )
        let kind = try await problems { $0.setting(Field.kind, "quote") }
        #expect(kind == ["the id does not match the fields", "a block holds events of another kind"])
        #expect(try await problems { $0.setting(Field.source, "x") } == ["the id does not match the fields"])
    }

    /// A program that is newer by a field changes documents without appending a block.
    @Test func changesWithoutBlocksAreNoFault() async throws {
        let stand = try await stand()
        let id = try #require(stand.documents.first?[DocumentField.id])
        let symbol = DocumentKey.ShardKey(field: Field.instrumentSymbol, value: "TEST:A-B")
        let update = VersionedChange(
            key: DocumentKey(collection: MarketDataCollection.name, id: id, shardKey: symbol),
            action: .update(expectedVersion: 3, DocumentUpdate(set: [("note", 1)])),
            operationID: ObjectID(high: 3, low: 3)
        )
        #expect(await stand.store.attempt(update) == .applied(.confirmed))
        #expect(try await stand.verify().findings == [])
    }

    @Test func anotherLayout() async throws {
        let found = try await problems { $0.setting(DocumentField.schemaVersion, 0) }
        #expect(found.count == 1 && found[0].hasSuffix("cannot be read: it has no schema version"))
    }

    @Test func missingParts() async throws {
        let stand = try await parts()
        let middle = try await stand.damaged { $0.hasSuffix("|1") ? nil : $1 }.verify()
        #expect(middle.findings.map(\.problem) == ["part 1 of the window is missing"])
        #expect(middle.findings.first?.bucket.hasSuffix("|2") == true)
        let first = try await stand.damaged { $0.hasSuffix("|0") ? nil : $1 }.verify()
        #expect(first.findings.map(\.problem) == ["the first parts of the window are missing"])
    }

    @Test func openPartBeforeAnother() async throws {
        let stand = try await parts()
        let report = try await stand.damaged { id, document in
            id.hasSuffix("|1") ? document.setting(Field.isClosed, false) : document
        }.verify()
        #expect(report.findings.map(\.problem) == ["the part before was not closed"])
    }

    /// Each part is sound by itself, and the second holds what the first holds.
    @Test func partThatDoesNotContinueTheOneBefore() async throws {
        let stand = try await parts()
        let first = try #require(stand.documents.first)
        let report = try await stand.damaged { id, document in
            guard id.hasSuffix("|1") else { return document }
            return first.setting(Field.part, 1).setting(DocumentField.id, .string(id))
                .setting(Field.slots, document[Field.slots] ?? .null)
        }.verify()
        #expect(report.findings.map(\.problem).contains("block 0 does not continue the positions of the one before"))
        #expect(report.findings.allSatisfy { $0.bucket.hasSuffix("|1") })
    }

    @Test func findingsAreCountedBeyondTheListed() async throws {
        let stand = try await Stand()
        let events = (Int64(0)..<150).map { Market.trade(at: $0, time: $0 * Market.hour) }
        _ = try await stand.bucketWriter().write(Market.buckets(events))
        let damaged = try await stand.damaged { $1.setting(Field.eventCount, 7) }
        var seen = 0
        let report = try await Verifier(reading: damaged.writer).verify { seen = max(seen, $0.buckets) }
        #expect(report.findingCount == 150)
        #expect(report.findings.count == VerificationReport.findingsMax)
        #expect(report.buckets == 150 && seen == 150)
    }

    @Test func storeThatCannotBeReadIsAnErrorAndNoFinding() async throws {
        let stand = try await stand()
        stand.store.faults.readUnavailable = 1
        let error = await #expect(throws: StoreError.self) { try await stand.verify() }
        #expect(error?.code == .unavailable)
    }
}
