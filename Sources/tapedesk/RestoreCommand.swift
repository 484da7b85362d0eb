import ArgumentParser
import Console
import DocumentStore
import JSONOutput
import Settings
import TickStore

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Bring events that retention deleted back from files of the archive.",
        discussion: """
            Each file is checked as a whole, then its events are put back where they were, and retention leaves them \
            alone for the time of --keep. It may be run any number of times. In another database, restore all files \
            of an instrument before its recordings are replayed there.

            Exit code 0: the events of all files are there. 1: a file is damaged. 2: a file could not be read, or was \
            refused because something else is in its place.
            """
    )

    @OptionGroup var mongo: MongoOptions

    @Argument(help: ArgumentHelp("Files of an archive.", valueName: "file"), completion: .file(extensions: ["tda"]))
    var files: [String]

    @Option(help: ArgumentHelp("How long retention leaves the events alone.", valueName: "duration"))
    var keep = DurationArgument(duration: SegmentRestorer.keepDefault)

    @Flag(help: "Print one JSON document.") var json = false

    func run() async {
        await mongo.run { database in
            try await database.prepare(MarketDataCollections.all)
            let restorer = SegmentRestorer(
                writer: database.writer,
                operationIDs: database.operationIDs,
                keep: keep.duration
            )
            let start = ContinuousClock.now
            var counts = Counts()
            for file in files { try await restore(file, restorer, &counts) }
            counts.seconds = (ContinuousClock.now - start) / .seconds(1)
            Terminal.output(json ? counts.json.text : counts.text)
            if counts.failed > 0 { return ExitStatus.couldNotRun }
            return counts.damaged > 0 ? ExitStatus.foundProblems : ExitStatus.done
        }
    }

    private struct Counts {
        var restored = 0
        var alreadyThere = 0
        var damaged = 0
        /// Files that could not be read, or were refused.
        var failed = 0
        /// Events that were brought back.
        var events = 0
        var seconds = 0.0

        var json: JSONText {
            .object([
                ("restored", .integer(restored)), ("already_there", .integer(alreadyThere)),
                ("events", .integer(events)), ("seconds", .number((seconds * 1_000_000).rounded() / 1_000_000)),
            ])
        }

        var text: String {
            "Restored \(restored.grouped) documents with \(events.grouped) events; \(alreadyThere.grouped) were there "
                + "already; \((damaged + failed).grouped) were not restored. \(seconds.fixed(2)) s."
        }
    }

    private static func isOfContent(_ error: ArchiveError) -> Bool { error.code == .damaged || error.code == .newer }

    private func restore(_ file: String, _ restorer: SegmentRestorer, _ counts: inout Counts) async throws {
        let segment: ArchivedSegment
        do throws(ArchiveError) {
            segment = try ArchivedSegment(file: ArchiveFolder.content(ofFile: file))
        } catch {
            // What the system says names the file itself.
            Terminal.error("tapedesk: \(Self.isOfContent(error) ? "\(file): \(error)" : "\(error)")")
            if error.code == .damaged { counts.damaged += 1 } else { counts.failed += 1 }
            return
        }
        switch try await restorer.restore(segment) {
        case .restored:
            counts.restored += 1
            counts.events += Int(segment.eventCount)
        case .alreadyThere:
            counts.alreadyThere += 1
            if !json { Terminal.error("tapedesk: \(file): its events are in '\(segment.id)' already") }
        case .refused(let reason):
            counts.failed += 1
            Terminal.error("tapedesk: \(file): is not restored to '\(segment.id)': \(reason)")
        }
    }
}
