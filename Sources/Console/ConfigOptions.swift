package import ArgumentParser
import DocumentStore
package import Settings
import Sharding
private import Synchronization

/// Which configuration file a command goes by.
///
/// The file of `--config` is read and checked by every command that takes the argument. A file that only the
/// environment names, and the default one, are read when something of them is needed.
package struct ConfigOptions: ParsableArguments {
    /// The file that the arguments name.
    @Option(
        name: .customLong("config"),
        help: ArgumentHelp(
            "Configuration file; default: TAPEDESK_CONFIG, or \(ConfigurationFile.pathDefault) if there is one.",
            valueName: "file"
        ),
        completion: .file()
    )
    package var file: String?

    private let loaded = LoadedConfiguration()

    private enum CodingKeys: CodingKey { case file }

    /// For the argument parser.
    package init() {}

    /// Checks the file that the arguments name, where they name one.
    ///
    /// Not while arguments are parsed: a command first takes in safety what was typed for it.
    ///
    /// - Throws: `ConfigurationError` with all mistakes of the file.
    package func check() throws(ConfigurationError) {
        if file != nil { _ = try load() }
    }

    /// The configuration, which is read once.
    ///
    /// - Throws: `ConfigurationError` with all mistakes of the file.
    package func load() throws(ConfigurationError) -> Configuration {
        try loaded.load(named: named)
    }

    /// The configuration as it is by now, for whoever takes over what changed.
    ///
    /// - Throws: `ConfigurationError` with all mistakes of the file.
    package func reload() throws(ConfigurationError) -> Configuration { try ConfigurationFile.load(named: named) }

    /// The file that the arguments or the environment name; nil for the default one.
    private var named: String? { file ?? Terminal.environment("TAPEDESK_CONFIG") }
}

extension ConfigOptions {
    /// Which data is to be on which shards.
    ///
    /// - Throws: `StoreError` of code `refused`, with the mistakes of the file.
    func zoneLayout() throws(StoreError) -> ZoneLayout {
        do throws(ConfigurationError) {
            return ZoneLayout(
                try load().zones.map { zone in
                    Zone(
                        name: zone.name,
                        shards: zone.shards,
                        venues: zone.venues,
                        instruments: zone.instruments,
                        sources: zone.sources,
                        hasTickets: zone.hasTickets
                    )
                }
            )
        } catch {
            throw StoreError(.refused, error.description)
        }
    }
}

/// The configuration of this process, read when it is first asked for.
///
/// Safe to use from any task.
private final class LoadedConfiguration: Sendable {
    private let configuration = Mutex<Configuration?>(nil)

    func load(named file: String?) throws(ConfigurationError) -> Configuration {
        if let known = configuration.withLock({ $0 }) { return known }
        let loaded = try ConfigurationFile.load(named: file)
        configuration.withLock { $0 = loaded }
        return loaded
    }
}
