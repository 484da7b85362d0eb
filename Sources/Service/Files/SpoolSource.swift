import DocumentStore
import Feeds
import Ingest
import Live

/// Takes the files of a folder, one after the other, when they are complete.
///
/// Safe to use from any task.
package final class SpoolSource: FileSource {
    package let intake: FileIntake
    private let folder: SpoolFolder
    private let hasBegun = Latch()

    package init(_ intake: FileIntake) {
        self.intake = intake
        folder = SpoolFolder(path: intake.path)
    }

    /// Makes the folders where they are missing.
    ///
    /// - Throws: where they cannot be made.
    package func prepare() throws { try folder.prepare() }

    package var isStarted: Bool { hasBegun.isRaised }

    package func run() async throws {
        hasBegun.raise()
        await intake.isPrepared.wait()
        var delay = ReconnectDelay()
        let environment = intake.environment
        while !intake.stop.isRaised {
            do {
                try folder.prepare()
                try await takeFiles()
                delay.reset()
                try await environment.retry.sleep(FileIntake.interval)
            } catch let error as StoreError where error.isWorthWaitingFor {
                intake.trouble.note("nothing is stored, the files wait: \(error.message)")
                try await environment.retry.sleep(delay.next(environment.retry.random()))
            } catch let error as SpoolFolder.Failure {
                intake.trouble.note(error.description)
                try await environment.retry.sleep(delay.next(environment.retry.random()))
            }
        }
    }

    private func takeFiles() async throws {
        let files = try folder.complete()
        for (number, file) in files.enumerated() where !intake.stop.isRaised {
            intake.change { status in
                status.waiting = files.count - number
                status.current = file
            }
            try await take(file)
        }
        intake.change { status in
            status.waiting = 0
            status.current = nil
        }
        intake.trouble.note(nil)
    }

    /// Stores a file and puts it away, or aside.
    private func take(_ file: String) async throws {
        do {
            let input = try TapeInput.open(path: "\(path)/\(file)")
            // Files of one name are told apart by how they begin.
            let tape = TapeIdentity(head: input.head).name("\(name)/\(file)")
            let report = try await intake.store(input, as: tape)
            intake.change { $0.rejected += report.counts.rejected.values.reduce(0, +) }
            try finish(file, report)
        } catch let error as StoreError where error.isWorthWaitingFor || error.code == .fenced {
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
        intake.change { $0.done += 1 }
        let more = rejected > 0 ? ", \(rejected) rejected" : ""
        intake.log("\(file): \(report.counts.records) records, \(report.stored) events stored\(more)")
    }

    private func putAside(_ file: String, _ reason: String) throws {
        try folder.reject(file)
        intake.change { $0.failed += 1 }
        intake.log("\(file) is put into 'failed': \(reason)", .error)
    }
}
