import BSON
import DocumentStore
import MarketData
import SimulatedStore
import Testing

@testable import TickStore

/// Segments: what goes into them, what writers and readers make of them.
@Suite struct RollUpTests {
    private typealias Field = MarketDataCollection.Field

    private func policy(bytesMax: Int64 = CompactionPolicy.segmentBytesDefault) -> CompactionPolicy {
        CompactionPolicy(grace: 0, takesOpenWindows: true, segmentBytesMax: bytesMax)
    }

    /// Events of a day, four in each hour.
    private func day(_ writer: BucketWriter) async throws {
        let events = (Int64(0)..<96).map { Market.trade(at: $0, time: $0 * Market.hour / 4) }
        _ = try await writer.write(Market.buckets(events))
    }

    private var dayStart: Int64 { Market.start - Market.start % (24 * Market.hour) }

    @Test func aDayBecomesOneSegment() async throws {
        let stand = try await Stand()
        try await day(stand.bucketWriter())
        let before = try await stand.read().map(\.number)
        let report = try await stand.compact(policy())
        #expect(report.sealed == 24 && report.rolledUp == 24 && report.findingCount == 0)
        // The hours of the recording reach into a second day.
        #expect(report.segments == stand.documents.count)
        #expect(stand.documents.count <= 2)
        #expect(try await stand.read().map(\.number) == before)
        #expect(try await stand.verify().findings == [])
        #expect(try await stand.verify().events == 96)
        let first = try #require(stand.documents.first)
        #expect(first[Field.windowStart] == .int64(dayStart))
        #expect(first[Field.windowSeconds] == 86_400)
        #expect(try await stand.compact(policy()).rolledUp == 0)
    }

    @Test func whatIsInASegmentIsNotStoredAgain() async throws {
        let stand = try await Stand()
        let old = stand.bucketWriter(process: 2)
        try await day(stand.bucketWriter())
        // A writer that knows the buckets, and one that looked before there were any.
        try await day(old)
        _ = try await stand.compact(policy())
        let events = (Int64(0)..<96).map { Market.trade(at: $0, time: $0 * Market.hour / 4) }
        for writer in [old, stand.bucketWriter(process: 3)] {
            let result = try await writer.write(Market.buckets(events))
            #expect(result.counts == .init(stored: 0, alreadyStored: 96))
        }
        #expect(try await stand.verify().events == 96)
    }

    /// A part that is in a segment cannot be created by whoever still believes that there is none.
    @Test func aStaleCreationIsRefused() async throws {
        let stand = try await Stand()
        try await day(stand.bucketWriter())
        let created = try #require(stand.documents.first)
        _ = try await stand.compact(policy())
        let reserved: Set<String> = [
            DocumentField.id, DocumentField.version, DocumentField.lastOperationID, Field.instrumentSymbol,
        ]
        let fields = created.fields.filter { !reserved.contains($0.key) }.map { ($0.key, $0.value) }
        let change = VersionedChange(
            key: DocumentKey(
                collection: MarketDataCollection.name,
                id: created[DocumentField.id] ?? .null,
                shardKey: .init(field: Field.instrumentSymbol, value: created[Field.instrumentSymbol] ?? .null)
            ),
            action: .create(BSONDocument(fields)),
            operationID: ObjectID(high: 77, low: 1)
        )
        guard case .failed(let error) = await stand.store.attempt(change) else {
            Issue.record("the part was created a second time")
            return
        }
        #expect(error.code == .duplicateKey)
    }

    @Test func lateEventsOfASegmentAreFoundAndRolledUpAgain() async throws {
        let stand = try await Stand()
        let writer = stand.bucketWriter()
        try await day(writer)
        _ = try await stand.compact(policy())
        let late = (Int64(96)..<106).map { Market.trade(at: $0, time: ($0 - 96) * Market.hour / 2) }
        #expect(try await writer.write(Market.buckets(late)).counts == .init(stored: 10, alreadyStored: 0))
        let expected =
            ((Int64(0)..<96).map { ($0 * Market.hour / 4, $0) }
            + late.map {
                ($0.eventTime.nanoseconds - Market.start, $0.position.rawValue)
            }).sorted { $0 < $1 }.map(\.1)
        #expect(try await stand.read().map(\.number) == expected)
        #expect(try await stand.verify().findings == [])
        let report = try await stand.compact(policy())
        #expect(report.sealed == 5 && report.rolledUp > 5)
        #expect(stand.documents.count <= 2)
        #expect(try await stand.read().map(\.number) == expected)
        #expect(try await stand.verify().findings == [])
        #expect(try await writer.write(Market.buckets(late)).counts == .init(stored: 0, alreadyStored: 10))
    }

    @Test func segmentsAreBounded() async throws {
        let stand = try await Stand()
        let writer = stand.bucketWriter()
        var position: Int64 = 0
        for hour in Int64(0)..<6 {
            for _ in 0..<3 {
                let events = Market.noise(5_000, first: position, time: hour * Market.hour, step: 100_000)
                _ = try await writer.write(Market.buckets(events))
                position += 5_000
            }
        }
        let before = try await stand.read().map { [$0.time, $0.number] }
        let parts = stand.documents.count
        let report = try await stand.compact(policy(bytesMax: 500_000))
        #expect(report.findingCount == 0 && report.segments > 1 && report.segments < parts)
        for document in stand.documents {
            #expect(document[Field.blockBytes]?.integer ?? .max <= 500_000 + 20_000)
        }
        #expect(try await stand.read().map { [$0.time, $0.number] } == before)
        #expect(try await stand.verify().findings == [])
        #expect(try await stand.compact(policy(bytesMax: 500_000)).rolledUp == 0, "a second run finds nothing")
    }

    @Test func nothingIsDeletedThatIsNotInTheSegment() async throws {
        let stand = try await Stand()
        try await day(stand.bucketWriter())
        let planner = CompactionPlanner(policy: policy(), clocks: [:], now: 0)
        let ids = OperationIDs(process: 9, start: 0)
        let builder = SegmentBuilder(writer: stand.writer, operationIDs: ids)
        let sealer = BucketSealer(writer: stand.writer, operationIDs: ids)
        let fresh = FreshBuckets(bytesMax: 1 << 20)
        for case .seal(let bucket) in planner.steps(try stand.outlines) { _ = try await sealer.seal(bucket, fresh) }
        for case .rollUp(let members, let part) in planner.steps(try stand.outlines) {
            #expect(try await builder.rollUp(members, part: part, fresh).outcome == .done(events: members.count * 4))
        }
        // Somebody takes events out of the segment, checksums and all.
        let other = try await Stand()
        _ = try await other.bucketWriter().write(Market.buckets([Market.trade(at: 0, time: 0)]))
        _ = try await other.compact(policy())
        let emptier = try #require(other.documents.first)
        let damaged = try await stand.damaged { id, document in
            guard document[Field.windows] != nil else { return document }
            var copy = document
            for field in [Field.blocks, Field.checksum, Field.blockCount, Field.sealedBlockCount] {
                copy = copy.setting(field, emptier[field] ?? .null)
            }
            return copy
        }
        let count = damaged.documents.count
        let report = try await damaged.compact(policy())
        #expect(report.findingCount >= 1)
        #expect(report.findings.allSatisfy { $0.problem.contains("lacks events") })
        #expect(damaged.documents.count == count, "what was replaced is kept")
    }

    /// How small buckets get when they are sealed shows only then: a segment takes what fits, and the rest the next.
    @Test func segmentsOfHotBucketsAreFilled() async throws {
        let stand = try await Stand()
        let writer = stand.bucketWriter()
        for hour in Int64(0)..<8 {
            let events = (0..<2_000).map { Market.trade(at: 2_000 * hour + $0, time: hour * Market.hour + 1_000 * $0) }
            _ = try await writer.write(Market.buckets(events))
        }
        let hot = try stand.outlines.map(\.state.blockBytes)
        let other = try await Stand()
        _ = try await other.bucketWriter().write(
            Market.buckets((0..<2_000).map { Market.trade(at: $0, time: 1_000 * $0) })
        )
        _ = try await other.compact()
        let sealed = try #require(try other.outlines.first?.state.blockBytes)
        #expect(try #require(hot.max()) > 2 * sealed, "sealing is worth it")
        // Room for three sealed hours, and hardly one that is not.
        let report = try await stand.compact(policy(bytesMax: 3 * sealed + sealed / 2))
        #expect(report.findingCount == 0 && report.overtaken == 0)
        #expect(report.sealed == 8 && report.events == 16_000)
        #expect(try stand.outlines.map(\.windows.count).sorted() == [2, 3, 3])
        #expect(report.rolledUp == 8, "nothing went into two segments, one after the other")
        #expect(try await stand.verify().findings == [])
        #expect(try await stand.compact(policy(bytesMax: 3 * sealed + sealed / 2)).rolledUp == 0)
    }

    /// Documents of an hour are in the order of its parts, whenever a segment was made of some.
    @Test func documentsOfAnHourAreInTheOrderOfTheirParts() async throws {
        let stand = try await Stand()
        let writer = stand.bucketWriter()
        // The first hour of a day: a segment begins there as well.
        let start = dayStart - Market.start
        for round in Int64(0)..<3 {
            _ = try await writer.write(Market.buckets(Market.noise(20_000, first: 20_000 * round, time: start + round)))
        }
        let parts = try stand.outlines.sorted { $0.firstSlot < $1.firstSlot }
        #expect(parts.count >= 3)
        let builder = SegmentBuilder(writer: stand.writer, operationIDs: OperationIDs(process: 9, start: 0))
        let fresh = FreshBuckets(bytesMax: 1 << 20)
        let front = Array(parts.prefix(2))
        #expect(try await builder.rollUp(front, part: SegmentBuilder.firstPart, fresh).taken.count == 2)
        let windows = try await TradeWindow.load(stand.writer, Market.instrument, starts: dayStart..<(dayStart + 1))
        let documents = try #require(windows.first?.documents)
        #expect(windows.count == 1 && documents.count == parts.count - 1)
        #expect(documents.first?.id == front[0].segmentID(part: SegmentBuilder.firstPart))
        #expect(documents.dropFirst().map(\.id) == parts.dropFirst(2).map(\.id))
    }

    /// What is not sealed yet is sealed on the way, so it is written once; where that was overtaken, buckets are sealed
    /// one by one.
    @Test func hotBucketsOfADayAreRolledUpAtOnce() async throws {
        let stand = try await Stand()
        try await day(stand.bucketWriter())
        var planner = CompactionPlanner(policy: policy(), clocks: [:], now: 0)
        let atOnce = planner.steps(try stand.outlines)
        for step in atOnce {
            guard case .rollUp = step else {
                Issue.record("planned is \(step.identity)")
                return
            }
        }
        #expect(atOnce.flatMap(\.members).count == 24)
        planner.tried = Set(atOnce.map(\.identity))
        let one = planner.steps(try stand.outlines)
        #expect(one.count == 24 && one.allSatisfy { $0.identity.hasPrefix("seal ") })
        // A bucket that may still get events keeps the day from that.
        let open = CompactionPolicy(grace: 0, takesEndsOfTapes: false)
        let clock = SourceClock(newestEventTime: dayStart + 24 * Market.hour - 1)
        planner = CompactionPlanner(policy: open, clocks: [Market.source: clock], now: 0)
        #expect(planner.steps(try stand.outlines).allSatisfy { $0.identity.hasPrefix("seal ") })
    }

    /// A run that is killed right behind the change leaves hot buckets that are compared as they would be sealed.
    @Test func repetitionsInHotBucketsAreLeftOutOfASegment() async throws {
        let stand = try await Stand()
        let price = ExactDecimal(mantissa: 1, exponent: 0)
        let events = [(Int64(0), Int64(5)), (1, 5), (2, 6)].map { position, id in
            Market.trade(at: position, time: 7, price: price, id: EventID(number: id))
        }
        let later = Market.trade(at: 3, time: Market.hour, price: price, id: EventID(number: 5))
        _ = try await stand.bucketWriter().write(Market.buckets(events + [later]))
        let builder = SegmentBuilder(writer: stand.writer, operationIDs: OperationIDs(process: 9, start: 0))
        let members = try stand.outlines.sorted { $0.firstSlot < $1.firstSlot }
        let fresh = FreshBuckets(bytesMax: 1 << 20)
        #expect(try await builder.rollUp(members, part: SegmentBuilder.firstPart, fresh).outcome == .done(events: 3))
        #expect(stand.documents.count == 3)
        #expect(try await stand.read().count == 3)
        #expect(try await stand.verify().findings == [])
        #expect(try await stand.compact(policy()).findingCount == 0)
        let segment = try #require(stand.documents.first)
        #expect(stand.documents.count == 1)
        #expect(segment[Field.eventCount] == 3 && segment[Field.duplicateCount] == 1)
        #expect(segment[Field.volume]?.decimalSum?.description == "1.5", "of three trades")
        #expect(try await stand.verify().findings == [])
    }

    /// A segment that lacks events is found out, also where its members are known from memory.
    @Test func aSegmentIsReadBackBeforeItsMembersGo() async throws {
        let stand = try await Stand()
        try await day(stand.bucketWriter())
        let builder = SegmentBuilder(writer: stand.writer, operationIDs: OperationIDs(process: 9, start: 0))
        let members = Array(try stand.outlines.sorted { $0.firstSlot < $1.firstSlot }.prefix(3))
        let fresh = FreshBuckets(bytesMax: 1 << 20)
        #expect(try await builder.rollUp(members, part: SegmentBuilder.firstPart, fresh).outcome == .done(events: 12))
        let marked = members.map(\.afterMark)
        #expect(marked.allSatisfy { fresh.blocks(of: $0) != nil })
        let segment = try #require(members.first?.segmentID(part: SegmentBuilder.firstPart))
        // Somebody empties the segment, and then it is gone.
        let other = try await Stand()
        _ = try await other.bucketWriter().write(Market.buckets([Market.trade(at: 0, time: 0)]))
        _ = try await other.compact(policy())
        let emptier = try #require(other.documents.first)
        for drops in [false, true] {
            let damaged = try await stand.damaged { id, document in
                guard id == segment else { return document }
                return drops ? nil : document.setting(Field.blocks, emptier[Field.blocks] ?? .null)
            }
            let count = damaged.documents.count
            let remover = SegmentBuilder(writer: damaged.writer, operationIDs: OperationIDs(process: 9, start: 1))
            guard case .damaged = try await remover.removeReplaced(by: segment, marked, fresh) else {
                Issue.record("members went without their segment")
                return
            }
            #expect(damaged.documents.count == count)
        }
    }

    /// A reader that began before sees what was there then, whatever happens meanwhile.
    @Test func readingGoesOnWhileDocumentsAreRolledUp() async throws {
        for stop in 0..<30 {
            let stand = try await Stand(seed: UInt64(stop))
            let writer = stand.bucketWriter()
            try await day(writer)
            let expected = try await stand.read().map(\.number)
            let reader = BucketReader(
                reading: stand.writer,
                EventQuery(instrument: Market.instrument, kind: .trade)
            )
            var read: [Int64] = []
            var batches = 0
            while let events = try await reader.next() {
                read += events.map(\.number)
                batches += 1
                guard batches == stop else { continue }
                _ = try await stand.compact(policy())
                let late = [Market.trade(at: 96, time: 0), Market.trade(at: 97, time: 30 * Market.hour)]
                _ = try await writer.write(Market.buckets(late))
                if stop % 2 == 0 { _ = try await stand.compact(policy()) }
            }
            // What came in later may be seen where reading had to look again, but never out of order, or twice.
            #expect(read.filter { $0 < 96 } == expected, "stopped after \(stop)")
            #expect(read.filter { $0 >= 96 }.count <= 1)
        }
    }
}

extension Stand {
    /// One run of the compaction job.
    func compact(
        _ policy: CompactionPolicy = CompactionPolicy(grace: 0, takesOpenWindows: true),
        process: UInt32 = 50
    ) async throws -> CompactionReport {
        let ids = OperationIDs(process: process, start: UInt64(store.operationCount) << 20)
        return try await Compactor(writer: writer, operationIDs: ids, policy: policy).run()
    }

    /// The outlines of all documents.
    var outlines: [BucketOutline] {
        get throws { try documents.map { try BucketOutline($0) } }
    }
}
