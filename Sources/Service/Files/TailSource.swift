import DocumentStore
import Feeds
import Ingest
import Live
private import Synchronization

/// Follows a file that somebody else appends to, and the one that takes its place.
///
/// Safe to use from any task.
package final class TailSource: FileSource {
    package let name: String
    package let path: String
    /// What the file is read as, in words: another text is another source.
    private let reading: String
    private let replayer: FileReplayer
    private let isPrepared: Latch
    private let environment: ServiceEnvironment
    private let stop = Latch()
    private let state = Mutex(State())

    private struct State {
        var status = FileSourceStatus()
        var log = TroubleLog()
    }

    /// A file that is not there yet is looked for so often.
    private static let interval: Duration = .milliseconds(500)

    /// - Parameters:
    ///   - reading: what the file is read as, in words.
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
        self.replayer = replayer
        self.isPrepared = isPrepared
        self.environment = environment
    }

    package var status: FileSourceStatus { state.withLock { $0.status } }
    package var isStarted: Bool { true }

    package func end() { stop.raise() }

    package func isSame(as other: any ServiceSource) -> Bool {
        guard let other = other as? TailSource else { return false }
        return name == other.name && path == other.path && reading == other.reading
    }

    package func run() async throws {
        await isPrepared.wait()
        var delay = ReconnectDelay()
        while !stop.isRaised {
            do {
                try await follow()
                delay.reset()
            } catch let error as StoreError where error.isTransient {
                note("nothing is stored, the file waits: \(error.message)")
                try await environment.retry.sleep(delay.next(environment.retry.random()))
            } catch let error as InputError {
                // Not there yet: that is no trouble.
                if error.code != .unavailable { note(error.message) }
                try await environment.retry.sleep(Self.interval)
            } catch let error as StoreError where error.code == .refused {
                // Other sources go on; and the next file of that name may be taken.
                note("cannot go on with \(path): \(error.message)")
                try await environment.retry.sleep(delay.next(environment.retry.random()))
            }
        }
    }

    /// Reads the file until another one takes its place, or it is told to end.
    private func follow() async throws {
        let file = try FollowedFile(path: path)
        guard let beginning = try await beginning(of: file) else { return }
        // A replaced file with nothing in it.
        guard !beginning.isEmpty else { return }
        let input = try TapeInput(following: file)
        let tape = TapeIdentity(head: beginning).name("\(name)/\(input.name)")
        let before = status.stored
        let report = try await replayUntilTheEnd(input, tape, behind: before)
        state.withLock { state in
            state.status.stored = before + report.stored
            state.status.rejected = report.counts.rejected.values.reduce(0, +)
        }
        if case .failure(let error) = report.end {
            // Told to end: what was read is stored, and the next start goes on there.
            guard !stop.isRaised else { return }
            throw error
        }
        state.withLock { $0.status.done += 1 }
        log("\(path) was replaced: \(report.stored) events of the one before were stored")
    }

    /// What tells the file from the next one of its name, when it is there; nil where it was told to end meanwhile.
    private func beginning(of file: FollowedFile) async throws -> [UInt8]? {
        while !stop.isRaised {
            if let beginning = try file.beginning() { return beginning }
            try await environment.retry.sleep(Self.interval)
        }
        return nil
    }

    private func replayUntilTheEnd(
        _ input: sending TapeInput,
        _ tape: String,
        behind before: Int
    ) async throws -> ReplayReport {
        let progress = input.progress
        let waiter = Task { [stop] in
            await stop.wait()
            progress.cancel()
        }
        defer { waiter.cancel() }
        return try await replay(input, tape, behind: before)
    }

    private func replay(_ input: sending TapeInput, _ tape: String, behind before: Int) async throws -> ReplayReport {
        try await replayer.run(input, source: name, marketSource: tape) { [self] progress in
            state.withLock { $0.status.stored = before + progress.stored }
            note(nil)
        }
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
