import Configuration
import Feeds
import Glibc
import Live
import Service

/// What the commands that record live sources have in common.
enum LiveSources {
    /// The sources of a configuration.
    ///
    /// - Parameters:
    ///   - state: the folder that their tapes are in, each in a folder of its name.
    ///   - target: where events go; nil for onto the tapes only.
    /// - Throws: `LiveTapeError` where the folder cannot be made.
    static func make(
        _ configuration: Configuration,
        in state: String,
        target: LiveSource.Target?,
        environment: ServiceEnvironment,
        stop: Latch
    ) throws -> [LiveSource] {
        guard !configuration.sources.isEmpty else {
            throw ConfigurationProblem("the configuration names no 'sources': there is nothing to do")
        }
        try makeFolder(state)
        let tapes = state + "/tapes"
        try makeFolder(tapes)
        return try configuration.sources.map { source in
            let settings = try settings(of: source, folder: "\(tapes)/\(source.name)")
            return LiveSource(settings, target: target, environment: environment, stop: stop)
        }
    }

    private static func settings(
        of source: Configuration.Source,
        folder: String
    ) throws -> LiveSource.Settings {
        guard let venue = LiveVenue(rawValue: source.venue.rawValue) else {
            throw ConfigurationProblem("source '\(source.name)': venue '\(source.venue.rawValue)' is not spoken to")
        }
        let server = source.url.map(WebSocketAddress.init(parsing:))
        if case .some(nil) = server {
            throw ConfigurationProblem("source '\(source.name)': '\(source.url ?? "")' is no address of a WebSocket")
        }
        let kinds = Set(source.events.map(\.eventKind))
        return LiveSource.Settings(
            name: source.name,
            venue: source.venueName ?? venue.venueName,
            dialect: venue.dialect,
            connections: venue.connections(symbols: source.symbols, kinds: kinds, server: server ?? nil),
            folder: folder,
            limits: LiveTape.Limits(bytesMax: source.tapeBytes),
            whenFull: source.whenFull == .block ? .block : .drop
        )
    }

    private static func makeFolder(_ path: String) throws {
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
