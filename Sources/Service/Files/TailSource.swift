import DocumentStore
import Feeds
import Ingest
import Live

/// Follows a file that somebody else appends to, and the one that takes its place.
///
/// Safe to use from any task.
package final class TailSource: FileSource {
    package let intake: FileIntake

    package init(_ intake: FileIntake) {
        self.intake = intake
    }

    package var isStarted: Bool { true }

    package func run() async throws {
        await intake.isPrepared.wait()
        var delay = ReconnectDelay()
        let environment = intake.environment
        while !intake.stop.isRaised {
            do {
                try await follow()
                delay.reset()
            } catch let error as StoreError where error.isWorthWaitingFor {
                intake.trouble.note("nothing is stored, the file waits: \(error.message)")
                try await environment.retry.sleep(delay.next(environment.retry.random()))
            } catch let error as InputError {
                // Not there yet: that is no trouble.
                if error.code != .unavailable { intake.trouble.note(error.message) }
                try await environment.retry.sleep(FileIntake.interval)
            } catch let error as StoreError where error.code == .refused {
                // Other sources go on; and the next file of that name may be taken.
                intake.trouble.note("cannot go on with \(path): \(error.message)")
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
        let report = try await storeUntilTheEnd(input, as: tape)
        intake.change { $0.rejected = report.counts.rejected.values.reduce(0, +) }
        if case .failure(let error) = report.end {
            // Told to end: what was read is stored, and the next start goes on there.
            guard !intake.stop.isRaised else { return }
            throw error
        }
        intake.change { $0.done += 1 }
        intake.log("\(path) was replaced: \(report.stored) events of the one before were stored")
    }

    /// What tells the file from the next one of its name, when it is there; nil where it was told to end meanwhile.
    private func beginning(of file: FollowedFile) async throws -> [UInt8]? {
        while !intake.stop.isRaised {
            if let beginning = try file.beginning() { return beginning }
            try await intake.environment.retry.sleep(FileIntake.interval)
        }
        return nil
    }

    private func storeUntilTheEnd(_ input: sending TapeInput, as tape: String) async throws -> ReplayReport {
        let progress = input.progress
        let waiter = Task { [stop = intake.stop] in
            await stop.wait()
            progress.cancel()
        }
        defer { waiter.cancel() }
        return try await intake.store(input, as: tape)
    }
}
