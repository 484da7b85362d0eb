import DocumentStore
import Feeds
package import Ingest
package import Leases
package import Live
package import MarketData
private import Synchronization

/// One live source: its connections, the tape that they are recorded on, and the way from there into MongoDB.
///
/// The tape goes on whatever becomes of MongoDB; what is on it is applied from where the checkpoint stands, as a replay
/// of a recording is, and deleted when it is confirmed. Safe to use from any task.
package final class LiveSource: ServiceSource {
    /// Whom to ask for what was missed.
    package struct Repair: Equatable, Sendable {
        package let venue: LiveVenue
        /// Where it answers, `https://host:port`.
        package let server: String

        package init(venue: LiveVenue, server: String) {
            self.venue = venue
            self.server = server
        }
    }

    /// What a source is.
    package struct Settings: Equatable, Sendable {
        /// The name of the source.
        package var name: String
        /// What its data is filed under: the name, with the instance behind it where several share sources.
        ///
        /// Each has a tape of its own, and positions of different tapes have no common order.
        package var storedName: String
        /// What its instruments are filed under.
        package var venue: String
        /// What decodes its messages.
        package var dialect: String
        package var connections: [ConnectionPlan]
        /// What is asked for over REST.
        package var polls: [PollPlan] = []
        /// Whom to ask for what was missed; nil for nobody.
        package var repair: Repair?
        /// What MongoDB confirms of its data, in a word; for reports.
        package var durability = ""
        /// The folder of its tape.
        package var folder: String
        package var limits: LiveTape.Limits
        package var whenFull: FullTapePolicy

        /// How many connections stand where all is well; a poll that works counts as one.
        package var connectionCount: Int { connections.count + polls.count }

        package init(
            name: String,
            venue: String,
            dialect: String,
            connections: [ConnectionPlan],
            folder: String,
            limits: LiveTape.Limits,
            whenFull: FullTapePolicy
        ) {
            self.name = name
            storedName = name
            self.venue = venue
            self.dialect = dialect
            self.connections = connections
            self.folder = folder
            self.limits = limits
            self.whenFull = whenFull
        }
    }

    /// How the source is doing.
    package struct Status: Sendable {
        package var feed: FeedCounts
        /// Nil until it was opened.
        package var tape: LiveTape.Status?
        /// Events that this process stored.
        package var stored: Int
        /// Up to where the tape is confirmed.
        package var confirmed: Int64
        /// Whether the tape was opened, and the checkpoint read where there is a database to read it from.
        package var isStarted: Bool
        /// How long messages take from their receipt until they are stored.
        package var lag: LagMeter
        /// What the source came to, in this process and those before it.
        package var counts: ReplayCounts
        /// Holes that are open.
        package var openGaps: Int
        package var commits: CommitMeter
        /// Why nothing is stored at the moment; nil where it is.
        package var trouble: String?

        /// Bytes of the tape that MongoDB has not confirmed.
        package var waitingBytes: Int64 { tape.map { max(0, $0.end.offset - max(confirmed, $0.first.offset)) } ?? 0 }

        fileprivate init(_ state: State, trouble: String?) {
            feed = state.recorder?.counts ?? FeedCounts()
            tape = state.recorder?.tape.status
            lag = state.recorder?.lag ?? LagMeter()
            stored = state.stored
            confirmed = state.confirmed
            isStarted = state.isStarted
            counts = state.counts
            openGaps = state.openGaps
            commits = state.commits
            self.trouble = trouble
        }
    }

    /// Where events go.
    package struct Target: Sendable {
        package let replay: Replay.Target
        /// The collections are there.
        package let isPrepared: Latch

        package init(_ replay: Replay.Target, isPrepared: Latch) {
            self.replay = replay
            self.isPrepared = isPrepared
        }
    }

    /// What there is to do.
    package enum Work: Sendable {
        /// To record what comes, and to store it.
        ///
        /// - Parameter tenure: the lease that it is done under; nil where nobody shares sources.
        case record(Tenure?)
        /// To store what is on a tape that nothing more is recorded on, and to delete it then.
        ///
        /// - Parameter receivedBefore: what was received later is another instance's; nil where all is to be stored.
        case storeRest(receivedBefore: Timestamp?)
    }

    package let settings: Settings
    private let work: Work
    private let target: Target?
    private let alerts: AlertBoard?
    private let environment: ServiceEnvironment
    private let stop = Latch()
    private let trouble: SourceTrouble
    private let state = Mutex(State())

    fileprivate struct State {
        var recorder: FeedRecorder?
        var repair: GapRepair?
        var stored = 0
        var confirmed: Int64 = 0
        var isStarted = false
        var counts = ReplayCounts()
        var openGaps = 0
        var commits = CommitMeter()
        /// Of the tape that is being applied.
        var reading: InputProgress?
        var isAbandoned = false
        var hasStoredAll = false
    }

    /// What the data of a source is filed under where several instances share it.
    package static func storedName(_ source: String, of instance: String) -> String { "\(source)@\(instance)" }

    /// A new tape begins so far behind the checkpoint: farther than anything of an earlier tape may have got into
    /// MongoDB that the checkpoint does not cover yet.
    private static let newTapeDistance: Int64 = 1 << 24

    /// - Parameters:
    ///   - target: where events go; nil for onto the tape only.
    ///   - alerts: looks at what comes; nil for nobody.
    ///   - work: what there is to do.
    package init(
        _ settings: Settings,
        target: Target?,
        alerts: AlertBoard? = nil,
        environment: ServiceEnvironment,
        work: Work = .record(nil)
    ) {
        self.settings = settings
        self.work = work
        self.target = target
        self.alerts = alerts
        self.environment = environment
        trouble = SourceTrouble(of: settings.name, environment)
    }

    package var name: String { settings.name }
    package var isStarted: Bool { state.withLock { $0.isStarted } }
    package var hasStoredAll: Bool { state.withLock { $0.hasStoredAll } }
    package var troubles: [String] { settings.troubles(status) }

    package func isSame(as other: any ServiceSource) -> Bool { (other as? LiveSource)?.settings == settings }

    package var status: Status {
        let trouble = self.trouble.current
        return state.withLock { Status($0, trouble: trouble) }
    }

    /// Lets the source end: it records nothing more, and `run` returns when what is on the tape is stored.
    package func end() { stop.raise() }

    /// Lets the source end at once: what is on the tape stays there.
    package func abandon() {
        let reading = state.withLock { state in
            state.isAbandoned = true
            return state.reading
        }
        stop.raise()
        reading?.cancel()
    }

    /// Records and stores until it is stopped, and what was recorded is stored, or cancelled.
    ///
    /// - Throws: `LiveTapeError`, `StoreError` where the tape cannot be used, or MongoDB refuses its data.
    package func run() async throws {
        guard let tape = try await openTape() else { return }
        if tape.tornBytes > 0 {
            log("\(tape.tornBytes) bytes of a torn last record were cut off the tape")
        }
        let recorder = FeedRecorder(
            tape: tape,
            policy: settings.whenFull,
            now: environment.now,
            watcher: try alerts?.tap(tape.header, source: settings.name, venue: settings.venue) { [weak self] in
                self?.repair($0)
            }
        )
        state.withLock { state in
            state.recorder = recorder
            state.isStarted = target == nil
        }
        let result = await recordAndStore(recorder)
        alerts?.untap(settings.name)
        // A successor of the same name begins as soon as this returns, and others may still look at this object.
        await tape.release()
        let hasStoredAll = try result.get()
        state.withLock { $0.hasStoredAll = hasStoredAll }
        // Whoever has the lease next begins a tape of its own.
        if hasStoredAll, isOfOneLease { try LiveTape.delete(folder: settings.folder) }
    }

    /// Whether the tape is that of one time with a lease.
    private var isOfOneLease: Bool {
        if case .record(nil) = work { false } else { true }
    }

    /// Answers whether everything on the tape is stored.
    private func recordAndStore(_ recorder: FeedRecorder) async -> Result<Bool, any Error> {
        do {
            return .success(
                try await withThrowingTaskGroup(of: Bool.self) { group in
                    group.addTask {
                        await self.record(recorder)
                        return self.target != nil
                    }
                    if let target {
                        group.addTask {
                            await target.isPrepared.wait()
                            return try await self.apply(recorder, target.replay)
                        }
                    }
                    // The first failure ends the other, which waiting for all would not.
                    return try await group.reduce(true) { $0 && $1 }
                }
            )
        } catch {
            return .failure(error)
        }
    }

    private func log(_ line: String, _ level: LogLine.Level = .info) { environment.log(line, level, source: name) }

    /// Notes why nothing is stored, or that it is again.
    private func note(_ trouble: String?) { self.trouble.note(trouble) }

    // MARK: The tape

    private var header: TapeHeader {
        get throws {
            try TapeHeader(
                venue: settings.venue,
                source: settings.storedName,
                dialect: settings.dialect,
                id: environment.tapeID()
            )
        }
    }

    /// Opens the tape, or begins one; nil where it was stopped meanwhile.
    ///
    /// A tape that is begun must not use a position that an earlier one of the source used, and MongoDB knows them: so
    /// that waits for MongoDB, and nothing else does.
    private func openTape() async throws -> LiveTape? {
        var start = TapeMark()
        if let target, !LiveTape.exists(in: settings.folder) {
            guard let place = try await lastPlace(target.replay) else { return nil }
            if let place {
                start = TapeMark(
                    line: place.line + Self.newTapeDistance,
                    offset: place.offset + Self.newTapeDistance
                )
                if !isOfOneLease { log("its tape is gone: a new one begins behind what is stored") }
            }
        }
        return try LiveTape(folder: settings.folder, header: header, limits: settings.limits, start: start)
    }

    /// MongoDB is tried again after so much time at the latest: it is one server, and ours.
    private static let databasePauseMax: Duration = .seconds(4)

    /// Up to where the source was applied, nil inside where it never was; nil where it was stopped meanwhile.
    private func lastPlace(_ target: Replay.Target) async throws -> TapePlace?? {
        var delay = ReconnectDelay(longest: Self.databasePauseMax)
        while !stop.isRaised {
            do throws(StoreError) {
                let place = try await checkpoints(target).load()?.place
                note(nil)
                return .some(place)
            } catch {
                guard error.isWorthWaitingFor else { throw error }
                note("waits for MongoDB before it begins a tape: \(error.message)")
                try await environment.retry.sleep(delay.next(environment.retry.random()))
            }
        }
        return nil
    }

    private func checkpoints(_ target: Replay.Target) -> CheckpointStore {
        CheckpointStore(
            writer: target.writer,
            operationIDs: target.operationIDs,
            source: settings.storedName,
            format: FormatName.tape.rawValue,
            venue: settings.venue
        )
    }

    // MARK: Recording

    /// Keeps the connections standing until it is stopped, and closes the tape behind them.
    private func record(_ recorder: FeedRecorder) async {
        guard case .record = work else { return recorder.tape.close() }
        await withTaskGroup(of: Void.self) { group in
            for plan in settings.connections {
                let connection = FeedConnection(plan, recorder: recorder, environment: environment.connections)
                group.addTask { await connection.run() }
            }
            if let dialect = try? VenueRegistry.dialect(named: settings.dialect) {
                for plan in settings.polls {
                    let poller = Poller(plan, dialect: dialect, recorder: recorder, environment: environment.polling)
                    group.addTask { await poller.run() }
                }
            }
            if let repair = settings.repair {
                let repair = GapRepair(
                    venue: repair.venue,
                    server: repair.server,
                    recorder: recorder,
                    environment: environment.polling
                )
                state.withLock { $0.repair = repair }
                group.addTask { await repair.run() }
            }
            await stop.wait()
            group.cancelAll()
        }
        recorder.tape.close()
    }

    /// Has asked for what is missing, now that it is known.
    private func repair(_ gaps: [GapChange]) {
        guard let repair = state.withLock({ $0.repair }) else { return }
        // What was missed at a takeover may be on the tape of the instance before.
        for gap in gaps where gap.missing > 0 && !gap.isOfTakeover {
            repair.add(StreamGap(stream: gap.stream, after: gap.after, before: gap.before))
        }
    }

    // MARK: Storing

    /// Applies the tape to its end, which comes when it is closed; answers whether it came to the end.
    private func apply(_ recorder: FeedRecorder, _ target: Replay.Target) async throws -> Bool {
        var delay = ReconnectDelay(longest: Self.databasePauseMax)
        while true {
            let before = status.confirmed
            do {
                let report = try await replay(recorder, target).run(openInput(recorder.tape))
                guard case .failure(let error) = report.end else { return true }
                if isAbandoned { return false }
                note("nothing is stored, the tape cannot be read: \(error.message)")
            } catch let error as StoreError where error.isWorthWaitingFor {
                note("nothing is stored, the tape goes on: \(error.message)")
            } catch let error as StoreError where error.code == .refused {
                throw StoreError(
                    .refused,
                    "source '\(settings.name)' cannot go on with the tape in \(settings.folder): \(error.message). "
                        + "Or move the tape away: a new one begins behind what is stored, and this one can be replayed"
                )
            }
            // What is on the tape is applied after the next start.
            if isAbandoned || stop.isRaised { return false }
            if status.confirmed > before { delay.reset() }
            try await environment.retry.sleep(delay.next(environment.retry.random()))
        }
    }

    private var isAbandoned: Bool { state.withLock { $0.isAbandoned } }

    /// Opens the tape for reading.
    ///
    /// Under a lease it is read as long as nobody else can have that: what was received later is perhaps another's.
    private func openInput(_ tape: LiveTape) -> TapeInput {
        let input: TapeInput
        if case .record(let tenure?) = work {
            let now = environment.retry.now
            input = tape.input { tenure.isSure(at: now()) }
        } else {
            input = tape.input()
        }
        let progress = input.progress
        state.withLock { $0.reading = progress }
        return input
    }

    private func replay(_ recorder: FeedRecorder, _ target: Replay.Target) throws -> Replay {
        let tape = recorder.tape
        var receivedBefore: Timestamp?
        if case .storeRest(let bound) = work { receivedBefore = bound }
        let format = try TapeFormat(tape.header, venue: settings.venue, receivedBefore: receivedBefore)
        let first = tape.status.first
        var options = Replay.Options(
            source: settings.storedName,
            venue: settings.venue,
            decoding: "\(format.name) \(settings.venue) \(settings.dialect)"
        )
        options.liveTapeStart = TapePlace(line: first.line, offset: first.offset)
        if case .record(let tenure?) = work, !tenure.isAssumed {
            // The first instance goes on where a daemon without instances ended.
            let name = settings.name
            options.predecessor = Replay.Predecessor(
                source: tenure.predecessor.map { LiveSource.storedName(name, of: $0) } ?? name,
                mayStoreMore: !tenure.followsRelease
            )
        }
        let before = status.stored
        return Replay(
            options,
            format: format,
            target: target,
            environment: environment.retry,
            onProgress: { [self] progress in
                recorder.stored(through: progress.offset)
                state.withLock { state in
                    state.stored = before + progress.stored
                    state.counts = progress.counts
                    state.openGaps = progress.openGaps
                    if progress.committedEvents > 0 {
                        state.commits.add(events: progress.committedEvents, time: progress.commitTime)
                    }
                }
                repair(progress.gaps)
                note(nil)
            },
            onCheckpoint: { [self] place in
                if place.offset > 0, place.offset < first.offset, !status.isStarted, !isOfOneLease {
                    log(
                        "the tape begins \(first.offset - place.offset) bytes behind what is stored: what was on it in "
                            + "between is lost, unless an older copy of the tape is replayed",
                        .error
                    )
                }
                state.withLock { state in
                    state.confirmed = place.offset
                    state.isStarted = true
                }
                tape.trim(before: place.offset)
            }
        )
    }
}
