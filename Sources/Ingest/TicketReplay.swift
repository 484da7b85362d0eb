import BSON
package import DocumentStore
package import Feeds
import MarketData
import Records
package import Tickets

/// Applies one feed of tickets to the store: the same tapes, checkpoints, rejects and gaps as market data, with
/// tickets in the place of buckets.
///
/// A tape is known by its name and its beginning, a ticket by its source: a new export of the same system goes on
/// with the same tickets.
package struct TicketReplay: Sendable {
    package struct Options: Sendable {
        /// The system that the tickets come from.
        package var source: String
        /// The name of the recording.
        package var tape: String
        package var startsOver = false
        /// Whether a checkpoint tells how far the recording was applied; false for what comes whole, and again if need
        /// be: repetitions are known by the tickets themselves.
        package var keepsCheckpoint = true
        /// How much of the tape is decoded, applied and checkpointed at a time.
        package var slabBytes = SlabReader.slabBytes

        package init(source: String, tape: String) {
            self.source = source
            self.tape = tape
        }
    }

    /// Where tickets go; nil in a dry run.
    package struct Target: Sendable {
        package let desk: TicketDesk
        package let writer: VersionedWriter
        package let operationIDs: OperationIDs

        package init(desk: TicketDesk, writer: VersionedWriter, operationIDs: OperationIDs) {
            self.desk = desk
            self.writer = writer
            self.operationIDs = operationIDs
        }
    }

    private let options: Options
    private let format: any TicketFormat
    private let target: Target?
    private let onProgress: @Sendable (ReplayProgress) -> Void

    package init(
        _ options: Options,
        format: any TicketFormat,
        target: Target?,
        onProgress: @escaping @Sendable (ReplayProgress) -> Void = { _ in }
    ) {
        self.options = options
        self.format = format
        self.target = target
        self.onProgress = onProgress
    }

    /// Frames that are applied together, and rejected records that are reported.
    private static let framesPerStep = 1_000
    private static let samplesMax = 10
    private static let gapsMax = 100_000

    /// Runs to the end of the tape, or to the end of `recordLimit` records from its beginning.
    ///
    /// - Throws: `StoreError` where the store fails for longer than the retry policy allows, what was confirmed before
    ///   stays, and the next run goes on from there; of code `refused` where the source's name is no name for one.
    package func run(_ input: sending TapeInput, recordLimit: Int? = nil) async throws -> ReplayReport {
        var run = try await begin(input)
        let start = run.report.place
        let slabs = SlabReader(
            input.source,
            format: format,
            offset: start.offset,
            afterOpenLine: start.afterOpenLine,
            recordLimit: recordLimit.map { max(0, $0 - run.report.recordsBefore) },
            slabBytes: options.slabBytes
        )
        if start.offset > 0 { try input.source.skip(to: start.offset) }
        let progress = input.progress
        let reader = TapeReader(slabs)
        let worker = TicketDecodeWorker(format)
        run.report.end = .whole
        do {
            while let slab = try await reader.next() {
                try await apply(await worker.decode(slab), &run)
                try await moveCheckpoint(&run, isComplete: false, progress)
                onProgress(
                    ReplayProgress(
                        stored: run.report.stored,
                        offset: run.report.place.offset,
                        counts: run.report.counts,
                        openGaps: 0,
                        gaps: [],
                        committedEvents: 0,
                        commitTime: .zero
                    )
                )
            }
            if await reader.endedByLimit { run.report.end = .limit }
        } catch let error as InputError {
            run.report.end = .failure(error)
        }
        if let target {
            run.report.counts.tickets = try await importer(target).ticketCount()
        } else {
            run.report.counts.tickets = run.tally.ticketCount
        }
        try await moveCheckpoint(&run, isComplete: run.report.isComplete, progress)
        run.report.gaps = try await openGaps(run)
        return run.report
    }
}

extension TicketReplay {
    /// What a run has come to so far.
    private struct Run {
        var report = ReplayReport()
        var checkpoint: Checkpoint?
        var checkpoints: CheckpointStore?
        var tally: ImportTally
    }

    private func begin(_ input: borrowing TapeInput) async throws -> Run {
        var run = Run(tally: ImportTally(numbering: numbering))
        guard !options.source.isEmpty, !options.source.contains(":") else {
            throw StoreError(
                .refused,
                "the source's name is empty or holds a colon, which ends it in the ids of tickets: choose another one "
                    + "with --source"
            )
        }
        guard let target, options.keepsCheckpoint else { return run }
        let decoding = [format.name, format.details].filter { !$0.isEmpty }.joined(separator: " ")
        let checkpoints = CheckpointStore(
            writer: target.writer,
            operationIDs: target.operationIDs,
            source: options.tape,
            format: format.name,
            venue: options.source
        )
        var checkpoint = try await checkpoints.open(head: input.head, decoding: decoding)
        checkpoint.inputBytes = input.totalBytes ?? 0
        run.checkpoints = checkpoints
        run.checkpoint = checkpoint
        guard !options.startsOver else { return run }
        run.report.place = checkpoint.place
        run.report.startedAt = checkpoint.place
        run.report.counts = checkpoint.counts
        run.report.recordsBefore = checkpoint.counts.records
        run.report.eventsBefore = checkpoint.counts.eventTotal
        return run
    }

    private var numbering: ImportNumbering {
        switch format.numbering {
        case .increasing: .increasing
        case .contiguous: .contiguous
        case .restarting: .restarting
        }
    }

    /// Applies what a slab decoded to, and moves the place behind it.
    private func apply(_ batch: TicketBatch, _ run: inout Run) async throws {
        let line = run.report.place.line
        let rejected = batch.rejected.map { record in
            var record = record
            record.position.rawValue &+= run.report.place.position.rawValue
            return record
        }
        try await keep(rejected, &run)
        for start in stride(from: 0, to: batch.frames.count, by: Self.framesPerStep) {
            let end = min(start + Self.framesPerStep, batch.frames.count)
            try await apply(batch.frames[start..<end], behind: line, &run)
        }
        run.report.counts.records += batch.records
        for (flag, count) in batch.flagged { run.report.counts.flagged[flag, default: 0] += count }
        if batch.truncatedRecord != nil {
            let offset = batch.offsets.upperBound - Int64(batch.truncatedRecordLength)
            run.report.place = TapePlace(line: line + batch.lines, offset: offset)
            run.report.truncatedAt = run.report.place
        } else {
            run.report.place = TapePlace(
                line: line + batch.lines,
                offset: batch.offsets.upperBound,
                afterOpenLine: batch.endsWithOpenLine
            )
        }
    }

    private func apply(_ frames: ArraySlice<TicketFrame>, behind line: Int64, _ run: inout Run) async throws {
        let frames = Array(frames)
        let steps = frames.map { ImportedStep($0, source: options.source) }
        let outcomes: [ImportOutcome]
        if let target {
            outcomes = try await importer(target).apply(steps) {
                try await refusedBefore(frames, behind: line, target)
            } keep: { notes in
                let records =
                    notes.unknown.map { Self.reject(frames[$0], .unknownTicket, behind: line) }
                    + notes.conflicted.map { Self.reject(frames[$0], .versionConflict, behind: line) }
                try await rejectWriter(target).write(records)
                try await gapWriter(target).write(notes.gaps.map(GapChange.init))
            }
        } else {
            outcomes = steps.map { run.tally.add($0) }
        }
        for (frame, outcome) in zip(frames, outcomes) { count(frame, outcome, behind: line, &run) }
    }

    /// Counts a frame, whichever run it was that stored it or refused it.
    private func count(_ frame: TicketFrame, _ outcome: ImportOutcome, behind line: Int64, _ run: inout Run) {
        run.report.counts.events[frame.kind.rawValue, default: 0] += 1
        if let time = frame.occurredAt {
            run.report.counts.lastEventTime = max(run.report.counts.lastEventTime, time * 1_000_000)
        }
        var first = outcome
        if case .duplicate(let earlier) = outcome {
            first = earlier
        } else if outcome != .unknownTicket {
            run.report.stored += 1
        }
        switch first {
        case .applied, .duplicate: break
        case .late: run.report.counts.flagged["late", default: 0] += 1
        case .conflicted: note(Self.reject(frame, .versionConflict, behind: line), &run)
        case .unknownTicket:
            run.report.counts.rejectedEvents += 1
            note(Self.reject(frame, .unknownTicket, behind: line), &run)
        }
    }

    /// The frames, by their place, that a run of this tape has found no ticket for.
    private func refusedBefore(_ frames: [TicketFrame], behind line: Int64, _ target: Target) async throws -> Set<Int> {
        typealias Field = RejectsCollection.Field
        let positions = frames.map { TapePosition(line: line + $0.position.line, event: 0).rawValue }
        guard let first = positions.first, let last = positions.last else { return [] }
        let query = DocumentQuery(
            RejectsCollection.name,
            where: [
                .equals(Field.source, .string(options.tape)),
                .greaterOrEqual(Field.position, .int64(first)), .lessOrEqual(Field.position, .int64(last)),
                .equals(Field.rule, .string(RejectRule.unknownTicket.rawValue)),
            ],
            fields: .only([Field.position]),
            limit: frames.count
        )
        let refused = Set(try await target.writer.find(query).compactMap { $0[Field.position]?.integer })
        return Set(positions.indices.filter { refused.contains(positions[$0]) })
    }

    private func importer(_ target: Target) -> TicketImporter {
        TicketImporter(target.desk, source: options.source, numbering: numbering)
    }

    /// Counts rejected records and stores them.
    private func keep(_ records: [RejectedRecord], _ run: inout Run) async throws {
        for record in records { note(record, &run) }
        if let target { try await rejectWriter(target).write(records) }
    }

    private func note(_ record: RejectedRecord, _ run: inout Run) {
        run.report.counts.rejected[record.rule.rawValue, default: 0] += 1
        if run.report.rejectedSamples.count < Self.samplesMax { run.report.rejectedSamples.append(record) }
    }

    private static func reject(_ frame: TicketFrame, _ rule: RejectRule, behind line: Int64) -> RejectedRecord {
        RejectedRecord(
            position: TapePosition(line: line + frame.position.line, event: 0),
            rule: rule,
            reason: rule.explanation,
            kindName: TicketBatch.kindName,
            ticket: frame.externalID,
            raw: frame.raw,
            rawLength: frame.rawLength
        )
    }

    private func rejectWriter(_ target: Target) -> RecordWriter {
        RecordWriter(writer: target.writer, operationIDs: target.operationIDs, source: options.tape)
    }

    private func gapWriter(_ target: Target) -> RecordWriter {
        RecordWriter(writer: target.writer, operationIDs: target.operationIDs, source: options.source)
    }

    private func moveCheckpoint(_ run: inout Run, isComplete: Bool, _ progress: InputProgress) async throws {
        guard var checkpoint = run.checkpoint, let checkpoints = run.checkpoints else { return }
        let place = run.report.place
        // A run from the start passes through places that the checkpoint has behind it.
        guard place.offset >= checkpoint.place.offset else { return }
        let staysComplete = checkpoint.isComplete && checkpoint.place == place && run.report.truncatedAt == nil
        if checkpoint.place == place, checkpoint.isComplete == (isComplete || staysComplete), checkpoint.version > 0 {
            return
        }
        checkpoint.place = place
        checkpoint.counts = run.report.counts
        checkpoint.isComplete = isComplete || staysComplete
        checkpoint.inputBytesRead = progress.compressedOffset
        run.checkpoint = try await checkpoints.advance(checkpoint)
    }

    /// The holes in the numbers of the source's tickets, whichever tape they showed on.
    private func openGaps(_ run: Run) async throws -> [GapChange] {
        guard let target else { return run.tally.gaps.map(GapChange.init) }
        typealias Field = GapsCollection.Field
        let query = DocumentQuery(
            GapsCollection.name,
            where: [.equals(Field.source, .string(options.source)), .equals(Field.isOpen, true)],
            order: [.init(DocumentField.id)],
            limit: Self.gapsMax
        )
        return try await target.writer.find(query).map { document in
            GapChange(
                stream: document[Field.stream]?.string ?? "",
                after: document[Field.after]?.integer ?? 0,
                before: document[Field.before]?.integer ?? 0,
                missing: document[Field.missing]?.integer ?? 0,
                position: TapePosition(rawValue: document[Field.appliedThrough]?.integer ?? 0)
            )
        }
    }
}

extension GapChange {
    /// The state of a hole from a version of its ticket on: versions are what grows from tape to tape.
    fileprivate init(_ gap: ImportedGap) {
        self.init(
            stream: gap.externalID,
            after: gap.after,
            before: gap.before,
            numbering: gap.numbering,
            missing: gap.missing,
            position: TapePosition(rawValue: gap.version)
        )
    }
}

extension ImportedStep {
    /// The step that a frame of a source reports.
    fileprivate init(_ frame: TicketFrame, source: String) {
        let kind: Kind =
            switch frame.kind {
            case .create: .create
            case .comment: .comment
            case .change: .change
            case .snapshot: .snapshot
            }
        self.init(
            externalID: frame.externalID,
            sequence: frame.sequence,
            kind: kind,
            actor: frame.actor ?? source,
            digest: Int64(bitPattern: frame.digest)
        )
        occurredAt = frame.occurredAt
        createdAt = frame.createdAt
        firstResponseAt = frame.firstResponseAt
        resolvedAt = frame.resolvedAt
        assignments = frame.fields.map { field in
            let name = TicketField(imported: field.name)
            return TicketIntent.Assignment(name, BSONValue(field.value, of: name))
        }
        comment = frame.comment.map { TicketIntent.Comment(text: $0.text, isInternal: $0.isInternal) }
        expectedVersion = frame.expectedVersion
        flags = frame.flags
        isDeleted = frame.isDeleted
    }
}

extension BSONValue {
    fileprivate init(_ value: TicketFrame.Value, of field: TicketField) {
        switch value {
        case .text(let text): self = .string(text)
        case .list(let texts): self = .array(texts.map { .string($0) })
        case .none: self = field == .tags ? .array([]) : .null
        }
    }
}

/// A decoder with the thread of whoever calls it.
private actor TicketDecodeWorker {
    private let decoder: any TicketDecoder

    init(_ format: any TicketFormat) {
        decoder = format.makeTicketDecoder()
    }

    func decode(_ slab: Slab) -> TicketBatch {
        decoder.decode(slab)
    }
}
