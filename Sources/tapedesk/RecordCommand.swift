import ArgumentParser
import Console
import DocumentStore
import Live
import Service
import Settings

struct RecordCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "record",
        abstract: "Record the live sources of the configuration on tapes, and nothing else; needs no database.",
        discussion: """
            Each source has a folder of its name below DIR/tapes, with segments that are one tape together:

                cat DIR/tapes/NAME/*.tape | tapedesk replay - --format tape --source NAME

            Ends with SIGINT or SIGTERM; started again, it goes on with the same tapes. Nothing is deleted: a tape \
            that is full does what 'when_full' of its source says.
            """
    )

    @OptionGroup var config: ConfigOptions

    @Option(help: ArgumentHelp("Folder of the tapes.", valueName: "dir"))
    var to: String

    @Option(name: .customLong("for"), help: ArgumentHelp("End after so long.", valueName: "duration"))
    var length: DurationArgument?

    func run() async {
        let status = await reportingFailures {
            let configuration = try config.load()
            let environment = try ServiceEnvironment.system()
            let stop = Latch()
            let signals = StopOnSignals(stop)
            let settings = try LiveSources.settings(configuration, in: to)
            guard !settings.isEmpty else {
                throw ConfigurationProblem("the configuration names no 'sources': there is nothing to record")
            }
            try LiveSources.makeFolder(in: to)
            let sources = settings.map { LiveSource($0, target: nil, environment: environment) }
            let timer = length.map { length in
                Task {
                    try await environment.retry.sleep(length.duration)
                    stop.raise()
                }
            }
            defer { timer?.cancel() }
            let daemon = Daemon(sources: sources, compaction: nil, environment: environment, stop: stop)
            try await daemon.run { [daemon] in Terminal.progress(ServiceText.line(daemon)) }
            Terminal.progress("")
            for source in sources { Terminal.output(ServiceText.recorded(source)) }
            withExtendedLifetime(signals) {}
            return ExitStatus.done
        }
        endProcess(status)
    }
}
