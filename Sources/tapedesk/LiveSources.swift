import Feeds
import Glibc
import Live
import Service
import Settings

/// What the commands that record live sources have in common.
enum LiveSources {
    /// What the sources of a configuration are.
    ///
    /// - Parameter state: the folder that their tapes are in, each in a folder of its name.
    /// - Throws: `ConfigurationProblem` where a word of the configuration is none that the program speaks.
    static func settings(_ configuration: Configuration, in state: String) throws -> [LiveSource.Settings] {
        try configuration.sources.map { try settings(of: $0, folder: "\(folder(in: state))/\($0.name)") }
    }

    /// What a source is for one time with its lease: it has a tape of its own.
    ///
    /// - Parameter settings: what the source is without instances.
    static func settings(_ settings: LiveSource.Settings, _ instance: String, epoch: Int64) -> LiveSource.Settings {
        var settings = settings
        settings.folder = folder(settings, instance) + "/\(epoch)"
        settings.storedName = LiveSource.storedName(settings.name, of: instance)
        return settings
    }

    /// The epochs whose tapes of a source are on this machine, in ascending order.
    static func epochs(_ settings: LiveSource.Settings, _ instance: String) -> [Int64] {
        let path = folder(settings, instance)
        let names = FolderListing.names(in: path) ?? []
        return names.compactMap { Int64($0) }.filter { LiveTape.exists(in: "\(path)/\($0)") }.sorted()
    }

    /// The folder of all tapes of a source that an instance recorded.
    static func folder(_ settings: LiveSource.Settings, _ instance: String) -> String {
        LiveSource.storedName(settings.folder, of: instance)
    }

    /// Makes the folder that tapes are in.
    ///
    /// - Throws: `ConfigurationProblem` where it cannot be made.
    static func makeFolder(in state: String) throws {
        try make(state)
        try make(folder(in: state))
    }

    private static func folder(in state: String) -> String { state + "/tapes" }

    private static func settings(
        of source: Configuration.Source,
        folder: String
    ) throws -> LiveSource.Settings {
        let kinds = Set(source.events.map(\.eventKind))
        var settings = LiveSource.Settings(
            name: source.name,
            venue: "",
            dialect: "",
            connections: [],
            folder: folder,
            limits: LiveTape.Limits(bytesMax: source.tapeBytes),
            whenFull: source.whenFull == .block ? .block : .drop
        )
        settings.durability = source.durability.rawValue
        switch source.feed {
        case .websocket(let name, let restURL):
            guard let venue = LiveVenue(rawValue: name.rawValue) else { throw notSpokenTo(source) }
            let server = source.url.map(WebSocketAddress.init(parsing:))
            if case .some(nil) = server {
                throw ConfigurationProblem(
                    "source '\(source.name)': '\(source.url ?? "")' is no address of a WebSocket"
                )
            }
            settings.venue = source.venueName ?? venue.venueName
            settings.dialect = venue.dialect
            settings.connections = venue.connections(symbols: source.symbols, kinds: kinds, server: server ?? nil)
            // What another server than the venue's missed, the venue's cannot tell.
            let rest = restURL ?? (source.url == nil ? venue.restServer : nil)
            settings.repair = rest.map { LiveSource.Repair(venue: venue, server: $0) }
        case .poll(let name, let interval, let bars, let keyFile):
            guard let venue = PolledVenue(rawValue: name.rawValue) else { throw notSpokenTo(source) }
            settings.venue = source.venueName ?? venue.venueName
            settings.dialect = venue.dialect
            settings.polls = venue.plans(
                symbols: source.symbols,
                kinds: kinds,
                bars: bars.rawValue,
                every: interval,
                server: source.url,
                key: try keyFile.map(SecretFile.read)
            )
            guard !settings.polls.isEmpty else {
                let events = source.events.map(\.rawValue).joined(separator: ", ")
                throw ConfigurationProblem("source '\(source.name)': \(name.rawValue) is not asked for \(events)")
            }
        }
        return settings
    }

    private static func notSpokenTo(_ source: Configuration.Source) -> ConfigurationProblem {
        ConfigurationProblem("source '\(source.name)': venue '\(source.feed.venueName)' is not spoken to")
    }

    /// Makes a folder below that of the service's state.
    ///
    /// - Throws: `ConfigurationProblem` where it cannot be made.
    static func make(_ path: String) throws {
        guard mkdir(path, 0o750) == 0 || errno == EEXIST else {
            let reason = InputError.reason(errno: errno)
            throw ConfigurationProblem("\(path): the folder cannot be made: \(reason); see service.state")
        }
    }
}

/// What is wrong with a configuration beside its words.
struct ConfigurationProblem: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
