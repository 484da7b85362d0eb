import ArgumentParser
import Configuration
import Console
import Dispatch
import DocumentStore
import Glibc
import Live
import MarketData
import NIOCore
import NIOPosix
import NIOSSL
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
        let kinds = Set(source.events.map(\.kind))
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
            let reason = String(cString: strerror(errno))
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

extension Configuration.Source.Event {
    fileprivate var kind: EventKind {
        switch self {
        case .trade: .trade
        case .quote: .quote
        case .candle: .candle
        }
    }
}

extension ServiceEnvironment {
    /// The real clocks, chance, network and certificates.
    ///
    /// - Throws: where the certificates of the system cannot be read.
    static func system() throws -> ServiceEnvironment {
        let retry = RetryEnvironment.system
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        return ServiceEnvironment(
            retry: retry,
            connections: FeedConnection.Environment(
                group: MultiThreadedEventLoopGroup(numberOfThreads: 1),
                tls: try NIOSSLContext(configuration: tls),
                chance: retry.random,
                sleep: retry.sleep
            ),
            now: Self.timeOfDay,
            tapeID: { UInt64.random(in: 1 ... .max) },
            log: { Terminal.error("\(Terminal.program): \($0)") }
        )
    }

    private static func timeOfDay() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}

/// Raises a latch when the process is asked to end; asked again a second later, it ends at once.
final class StopOnSignals {
    private let sources: [any DispatchSourceSignal]

    /// Some programs that end others send the signal twice.
    private static let patience: UInt64 = 1_000_000_000

    init(_ stop: Latch) {
        // A terminal that goes away is no reason to end.
        signal(SIGHUP, SIG_IGN)
        let asked = Asked()
        let queue = DispatchQueue(label: "tapedesk.signals")
        sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                let now = DispatchTime.now().uptimeNanoseconds
                if let before = asked.time, now - before > Self.patience { endProcess(ExitStatus.couldNotRun) }
                if asked.time == nil { asked.time = now }
                stop.raise()
            }
            source.resume()
            return source
        }
    }
}

/// When the process was asked to end first; touched on the queue of signals only.
private final class Asked: @unchecked Sendable {
    var time: UInt64?
}
