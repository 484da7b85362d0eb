import Alerts
import ArgumentParser
import Console
import Settings

struct CheckConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config",
        abstract: "Check a configuration file, and say what is in it; needs no database."
    )

    @OptionGroup var config: ConfigOptions

    func run() async {
        let status = await reportingFailures {
            let configuration = try config.load()
            try configuration.checkNames()
            _ = try LiveSources.settings(configuration, in: configuration.service.folder)
            for source in configuration.sources {
                let events = source.events.map { $0.rawValue + "s" }.joined(separator: ", ")
                let count = source.symbols.count == 1 ? "1 symbol" : "\(source.symbols.count) symbols"
                Terminal.output("source \(source.name): \(events) of \(count) from \(source.feed.venueName)")
            }
            for files in configuration.files {
                Terminal.output("source \(files.name): files, \(files.kind.rawValue) \(files.path)")
            }
            for alert in configuration.alerts { Terminal.output("alert \(alert.name): \(alert.severity.rawValue)") }
            for webhook in configuration.webhooks { Terminal.output("webhook \(webhook.name)") }
            Terminal.output("The configuration has no mistakes.")
            return ExitStatus.done
        }
        endProcess(status)
    }
}
