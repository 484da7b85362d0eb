import BSON
import DocumentStore
import Feeds
import Ingest
import MarketData
import Records
import SimulatedStore
import TickCodec
import TickStore

/// Compares everything that is stored with what the model says.
struct Judge: Sendable {
    let store: SimulatedStore
    let tape: SimulatedTape
    let model: TapeModel
    /// Whether compaction made all bars final.
    var areBarsFinal = false
    /// Where events go before they are deleted; nil where none are.
    var archive: SimulatedArchive?

    /// What is wrong; empty when nothing is.
    func problems() async throws -> [String] {
        store.deliverLateChanges()
        let faults = store.faults
        defer { store.faults = faults }
        store.faults = FaultPlan()
        let writer = VersionedWriter(
            store: store,
            policy: RetryPolicy(deadline: .seconds(1)),
            environment: store.clock.environment
        )
        var problems = HistoryChecker.violations(of: store.history)
        var count = 0
        var all: [String: [PlainEvent]] = [:]
        for symbol in tape.symbols {
            let read = try await read(symbol, writer)
            if tombstones.isEmpty { problems += difference(symbol, expected(symbol), read) }
            count += read.count
            all[symbol] = read
        }
        if !tombstones.isEmpty { problems += try await self.problems(afterDeletions: all) }
        let report = try await Verifier(reading: writer).verify()
        problems += report.findings.map { "\($0.bucket): \($0.problem)" }
        if report.events != count { problems.append("\(report.events) events are in buckets, \(count) were read") }
        problems += try problemsOfBars(all, writer, isAnythingDeleted: !tombstones.isEmpty)
        return problems + judgeRejects() + judgeGaps() + judgeCheckpoint()
    }

    /// What is wrong with stored bars.
    ///
    /// Until they are final they are what ingest made of all trades; sealing may leave repetitions out since. Final
    /// ones are made of the trades that are there.
    private func problemsOfBars(
        _ read: [String: [PlainEvent]],
        _ writer: VersionedWriter,
        isAnythingDeleted: Bool
    ) throws -> [String] {
        // Late trades of a bar whose other trades were deleted may be missing from it; see docs/decisions/0014.
        guard archive == nil else { return [] }
        var candles = CandleJudge(store: store, writer: writer, tape: tape, model: model)
        if areBarsFinal, !isAnythingDeleted {
            candles.trades = read
        } else if model.hasRepetitions {
            return []
        }
        return try candles.problems()
    }

    /// Everything that is stored of a symbol, as readers see it.
    func read(_ symbol: String, _ writer: VersionedWriter) async throws -> [PlainEvent] {
        let instrument = Instrument(venue: SimulatedTape.venue, symbol: symbol)
        let reader = BucketReader(reading: writer, EventQuery(instrument: instrument, kind: tape.kind))
        var events: [PlainEvent] = []
        while let part = try await reader.next() { events += part.map(plain) }
        return events
    }

    /// The events that the model expects of a symbol, in the order of an export.
    func expected(_ symbol: String) -> [PlainEvent] {
        let inOrder = (model.events[symbol] ?? []).enumerated().sorted { left, right in
            (left.element.eventTime, left.offset) < (right.element.eventTime, right.offset)
        }
        return inOrder.map(\.element)
    }

    private func plain(_ stored: StoredEvent) -> PlainEvent {
        let event = stored.event
        var plain = PlainEvent(
            eventTime: event.eventTime.nanoseconds,
            receiptTime: event.receiptTime.nanoseconds,
            sequence: event.sequence,
            values: [],
            id: "",
            side: .unknown,
            flags: event.flags.rawValue
        )
        switch event.payload {
        case .trade(let trade):
            plain.values = [trade.price, trade.size]
            plain.side = trade.side
            plain.id = stored.idText ?? (trade.id.form == .number ? String(trade.id.value) : "")
        case .quote(let quote): plain.values = [quote.bidPrice, quote.bidSize, quote.askPrice]
        case .candle: break
        }
        return plain
    }

    private func difference(_ symbol: String, _ expected: [PlainEvent], _ read: [PlainEvent]) -> [String] {
        var next = 0
        for (index, event) in expected.enumerated() {
            if next < read.count, read[next] == event.asStored {
                next += 1
                continue
            }
            if event.isRepetition == true { continue }
            guard next < read.count else { return ["\(symbol): event \(index) is missing: \(event)"] }
            return ["\(symbol): event \(index) is \(read[next]), not \(event)"]
        }
        return read.count > next ? ["\(symbol): \(read.count - next) events too many"] : []
    }

    private func judgeRejects() -> [String] {
        var stored: [Int64: String] = [:]
        for reject in store.documents(in: RejectsCollection.name) {
            let position = TapePosition(rawValue: reject[RejectsCollection.Field.position]?.integer ?? -1)
            stored[position.line] = reject[RejectsCollection.Field.rule]?.string
        }
        let lines = Set(stored.keys).union(model.rejects.keys).sorted()
        return lines.filter { stored[$0] != model.rejects[$0] }.map { line in
            "the reject of line \(line) is \(stored[line] ?? "not there"), not \(model.rejects[line] ?? "none")"
        }
    }

    private func judgeGaps() -> [String] {
        typealias Field = GapsCollection.Field
        var problems: [String] = []
        var stored: [PlainGap: Int] = [:]
        for document in store.documents(in: GapsCollection.name) {
            let gap = PlainGap(
                stream: document[Field.stream]?.string ?? "",
                after: document[Field.after]?.integer ?? 0,
                before: document[Field.before]?.integer ?? 0,
                missing: document[Field.missing]?.integer ?? -1
            )
            stored[gap, default: 0] += 1
            if document[Field.isOpen]?.bool != (gap.missing > 0) { problems.append("is_open of \(gap) is wrong") }
        }
        let expected = model.gaps.reduce(into: [:]) { counts, gap in counts[gap, default: 0] += 1 }
        if stored != expected {
            let extra = stored.filter { expected[$0.key] != $0.value }.map { "\($0.key) × \($0.value)" }.sorted()
            let lacking = expected.filter { stored[$0.key] != $0.value }.map { "\($0.key) × \($0.value)" }.sorted()
            problems.append("gaps are \(extra), not \(lacking)")
        }
        return problems
    }

    private func judgeCheckpoint() -> [String] {
        typealias Field = CheckpointsCollection.Field
        let documents = store.documents(in: CheckpointsCollection.name)
        guard documents.count == 1, let checkpoint = documents.first else {
            return ["there are \(documents.count) checkpoints"]
        }
        var problems: [String] = []
        if checkpoint[Field.isComplete]?.bool != tape.tail.isEmpty { problems.append("the checkpoint's end is wrong") }
        let whole = Int64(tape.bytes.count - tape.tail.utf8.count)
        let offset = checkpoint[Field.nextOffset]?.integer ?? -1
        // A line end that came after everything else of the tape is waited for, and passed over by the next run.
        let lacksLineEnd = checkpoint[Field.afterOpenLine]?.bool == true && offset >= whole - 2
        if offset != whole && !lacksLineEnd || checkpoint[Field.nextLine]?.integer != model.lineCount {
            problems.append("the checkpoint is at offset \(offset), not at the end of the tape, \(whole)")
        }
        let counts = model.counts
        let numbers: [(String, Int)] = [
            (Field.records, counts.records), (Field.rejectedEvents, counts.rejectedEvents),
            (Field.lastEventTime, Int(counts.lastEventTime)),
        ]
        for (field, number) in numbers where checkpoint[field]?.integer != Int64(number) {
            problems.append("\(field) is \(String(describing: checkpoint[field]?.integer)), not \(number)")
        }
        let events = counts.events
        let tables = [(Field.events, events), (Field.flagged, counts.flagged), (Field.rejected, counts.rejected)]
        for (field, table) in tables {
            var stored: [String: Int] = [:]
            for (name, value) in checkpoint[field]?.document?.fields ?? [] { stored[name] = Int(value.integer ?? -1) }
            if stored != table { problems.append("\(field) are \(list(stored)), not \(list(table))") }
        }
        return problems
    }

    private func list(_ table: [String: Int]) -> [String] { table.map { "\($0.key) \($0.value)" }.sorted() }
}
