import Feeds
import Ingest
private import Synchronization

/// What sources of files have in common: what they read, where that goes, and how they are doing.
///
/// Safe to use from any task.
package final class FileIntake: Sendable {
    let name: String
    /// The folder, or the file.
    let path: String
    /// What is read as what, in words: another text is another source.
    private let reading: String
    private let replayer: FileReplayer
    /// The collections are there.
    let isPrepared: Latch
    let environment: ServiceEnvironment
    /// Raised when the source is to end.
    let stop = Latch()
    let trouble: SourceTrouble
    private let state = Mutex(FileSourceStatus())

    /// Whoever waits for something looks again so often.
    static let interval: Duration = .milliseconds(500)

    /// - Parameters:
    ///   - name: what the data is filed under.
    ///   - path: the folder, or the file.
    ///   - reading: what is read as what, in words.
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
        trouble = SourceTrouble(of: name, environment)
    }

    var status: FileSourceStatus {
        var status = state.withLock { $0 }
        status.trouble = trouble.current
        return status
    }

    func change(_ change: (inout FileSourceStatus) -> Void) { state.withLock { change(&$0) } }

    func isSame(as other: FileIntake) -> Bool {
        name == other.name && path == other.path && reading == other.reading
    }

    func log(_ line: String, _ level: LogLine.Level = .info) { environment.log(line, level, source: name) }

    /// Stores what an opened file holds, from where an earlier run stopped, and counts it.
    ///
    /// - Parameter tape: what tells the file from others, and what market data is filed under.
    /// - Throws: what finding out about the file throws, and `StoreError`.
    func store(_ input: sending TapeInput, as tape: String) async throws -> ReplayReport {
        let before = status.stored
        let report = try await replayer.run(input, source: name, marketSource: tape) { [self] progress in
            change { $0.stored = before + progress.stored }
            trouble.note(nil)
        }
        change { $0.stored = before + report.stored }
        return report
    }
}

/// A source of files, for reports.
package protocol FileSource: ServiceSource {
    var intake: FileIntake { get }
}

extension FileSource {
    package var name: String { intake.name }
    package var path: String { intake.path }
    package var status: FileSourceStatus { intake.status }
    package var troubles: [String] { status.trouble.map { [$0] } ?? [] }

    package func end() { intake.stop.raise() }

    package func isSame(as other: any ServiceSource) -> Bool {
        (other as? Self).map { intake.isSame(as: $0.intake) } ?? false
    }
}
