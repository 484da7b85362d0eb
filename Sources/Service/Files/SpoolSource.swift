import DocumentStore
import Feeds
import Ingest
import Live
private import Synchronization

/// Takes the files of a folder, one after the other, when they are complete.
///
/// Safe to use from any task.
package final class SpoolSource: FileSource {
    package let name: String
    package let path: String
    /// What its files are read as, in words: another text is another source.
    private let reading: String
    private let folder: SpoolFolder
    private let replayer: FileReplayer
    private let isPrepared: Latch
    private let environment: ServiceEnvironment
    private let stop = Latch()
    private let state = Mutex(State())

    private struct State {
        var status = FileSourceStatus()
        var isStarted = false
        var log = TroubleLog()
    }

    private static let interval: Duration = .milliseconds(500)

    /// - Parameters:
    ///   - reading: what the files are read as, in words.
    ///   - isPrepared: the collections are there.
    package init(
        name: String,
        path: String,
        reading: String,
        replayer: FileReplayer,
        isPrepared: Latch,
        environment: ServiceEnvironment
    ) {
        self.name = name
        self.path = path
        self.reading = reading
        folder = SpoolFolder(path: path)
        self.replayer = replayer
        self.isPrepared = isPrepared
        self.environment = environment
    }

    /// Makes the folders where they are missing.
    ///
    /// - Throws: where they cannot be made.
    package func prepare() throws { try folder.prepare() }

    package var status: FileSourceStatus { state.withLock { $0.status } }
    package var isStarted: Bool { state.withLock { $0.isStarted } }

    package func end() { stop.raise() }

    package func isSame(as other: any ServiceSource) -> Bool {
        guard let other = other as? SpoolSource else { return false }
        return name == other.name && path == other.path && reading == other.reading
    }

    package func run() async throws {
        state.withLock { $0.isStarted = true }
        await isPrepared.wait()
        var delay = ReconnectDelay()
        while !stop.isRaised {
            do {
                try folder.prepare()
                try await takeFiles()
                delay.reset()
                try await environment.retry.sleep(Self.interval)
            } catch let error as StoreError where error.isTransient {
                note("nothing is stored, the files wait: \(error.message)")
                try await environment.retry.sleep(delay.next(environment.retry.random()))
            } catch let error as SpoolFolder.Failure {
                note(error.description)
                try await environment.retry.sleep(delay.next(environment.retry.random()))
            }
        }
    }

    private func takeFiles() async throws {
        let files = try folder.complete()
        for (number, file) in files.enumerated() where !stop.isRaised {
            state.withLock { state in
                state.status.waiting = files.count - number
                state.status.current = file
            }
            try await take(file)
        }
        state.withLock { state in
            state.status.waiting = 0
            state.status.current = nil
        }
        note(nil)
    }

    /// Stores a file and puts it away, or aside.
    private func take(_ file: String) async throws {
        do {
            let input = try TapeInput.open(path: "\(path)/\(file)")
            let before = status.stored
            // Files of one name are told apart by how they begin.
            let tape = TapeIdentity(head: input.head).name("\(name)/\(file)")
            let report = try await replayer.run(input, source: name, marketSource: tape) {
                [self] progress in
                state.withLock { $0.status.stored = before + progress.stored }
                note(nil)
            }
            state.withLock { state in
                state.status.stored = before + report.stored
                state.status.rejected += report.counts.rejected.values.reduce(0, +)
            }
            try finish(file, report)
        } catch let error as StoreError where error.isTransient {
            throw error
        } catch let error as SpoolFolder.Failure {
            throw error
        } catch let error as CancellationError {
            throw error
        } catch {
            try putAside(file, "\(error)")
        }
    }

    private func finish(_ file: String, _ report: ReplayReport) throws {
        if case .failure(let error) = report.end { return try putAside(file, error.message) }
        if let place = report.truncatedAt {
            return try putAside(file, "line \(place.line + 1): it ends in the middle of a record; all before is stored")
        }
        let rejected = report.counts.rejected.values.reduce(0, +)
        if rejected > 0, rejected == report.counts.records {
            return try putAside(file, "nothing in it is what its format says; see the collection 'rejects'")
        }
        try folder.putAway(file)
        state.withLock { $0.status.done += 1 }
        let more = rejected > 0 ? ", \(rejected) rejected" : ""
        log("\(file): \(report.counts.records) records, \(report.stored) events stored\(more)")
    }

    private func putAside(_ file: String, _ reason: String) throws {
        try folder.reject(file)
        state.withLock { $0.status.failed += 1 }
        log("\(file) is put into 'failed': \(reason)", .error)
    }

    private func log(_ line: String, _ level: LogLine.Level = .info) { environment.log(line, level, source: name) }

    private func note(_ trouble: String?) {
        let lines = state.withLock { state in
            let isOver = trouble == nil && state.status.trouble != nil
            state.status.trouble = trouble
            return state.log.lines(for: trouble) + (isOver ? ["goes on as it should"] : [])
        }
        for line in lines { log(line, trouble == nil ? .info : .warning) }
    }
}
