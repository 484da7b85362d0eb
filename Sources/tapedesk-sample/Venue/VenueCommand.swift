import ArgumentParser
import Dispatch
import Glibc
import NIOCore
import NIOPosix

/// Plays made-up trades, quotes and bars live, as Binance's spot market does.
struct VenueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "venue",
        abstract: "Play a made-up market live: a server on 127.0.0.1 that speaks as Binance's spot market does.",
        discussion: """
            Streams are SYMBOL@trade, @aggTrade, @bookTicker and @kline_1m, 5m, 15m, 1h, over /stream. GET \
            /api/v3/historicalTrades and /api/v3/trades answer from the newest 100,000 trades, /api/v3/klines from \
            the newest 100,000 bars, over all instruments. \
            Instruments, prices, sizes and ids are the same for the same options; times are those of now. Ends with \
            SIGTERM or SIGINT.
            """
    )

    @Option(help: "Port on 127.0.0.1; 0 takes a free one, which the first line of output names.")
    var port = 9700

    @Option(help: "Events per second, of all instruments together.")
    var rate = 200

    @Option(help: "Number of instruments, of Zipf-like popularity: BTCUSDT, ETHUSDT, …")
    var instruments = 20

    @Option(help: "Seed of the random numbers.")
    var seed: UInt64 = 1

    @Option(help: "How many of a hundred events are book tickers; the others are trades.")
    var quotes = 50

    @Option(name: .customLong("first-id"), help: "First trade id of each instrument; else the generator's.")
    var firstID: UInt64?

    @Option(name: .customLong("for"), help: ArgumentHelp("End after so long.", valueName: "duration"))
    var length: VenueDuration?

    @Flag(help: "Play nothing before a client has subscribed.")
    var wait = false

    @Option(help: ArgumentHelp("Cut all connections that often.", valueName: "duration"))
    var cutEvery: VenueDuration?

    @Option(help: ArgumentHelp("Send every Nth trade to nobody: only GET has it.", valueName: "N"))
    var skipEvery: Int?

    @Option(help: ArgumentHelp("Folder to leave files of ticket-events in; may be repeated.", valueName: "dir"))
    var tickets: [String] = []

    @Option(help: ArgumentHelp("How often to leave one.", valueName: "duration"))
    var ticketEvery = VenueDuration(amount: .seconds(10))

    @Option(help: ArgumentHelp("Where to write at the end what was sent, as JSON.", valueName: "file"))
    var sent: String?

    func validate() throws {
        guard (0...65_535).contains(port) else { throw ValidationError("--port must be between 0 and 65535.") }
        guard (1...100_000).contains(rate) else { throw ValidationError("--rate must be between 1 and 100,000.") }
        guard (1...1_000).contains(instruments) else {
            throw ValidationError("--instruments must be between 1 and 1,000.")
        }
        guard (0...100).contains(quotes) else { throw ValidationError("--quotes must be between 0 and 100.") }
        guard firstID ?? 0 <= 1 << 52 else { throw ValidationError("--first-id must be at most 2^52.") }
        if let skipEvery, skipEvery < 2 { throw ValidationError("--skip-every must be at least 2.") }
        if let folder = tickets.first(where: { $0.contains("://") }) {
            throw ValidationError("--tickets takes folders, and '\(folder)' is an address.")
        }
    }

    func run() throws {
        try reportingFailures { try play() }
    }

    private var options: Venue.Options {
        var progress: (@Sendable (String) -> Void)?
        if isatty(STDERR_FILENO) == 1 { progress = { Self.showProgress($0) } }
        return Venue.Options(
            port: port,
            schedule: EventSchedule(rate: rate, length: length?.amount),
            instruments: instruments,
            seed: seed,
            quotes: quotes,
            firstID: firstID,
            skipEvery: skipEvery,
            cutEvery: cutEvery?.amount,
            waits: wait,
            ticketFolders: tickets,
            ticketEvery: ticketEvery.amount,
            progress: progress,
            warn: { text in writeLine("tapedesk-sample: \(text)", to: STDERR_FILENO) },
            now: { Self.wallClock() }
        )
    }

    private func play() throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let ended = loop.makePromise(of: SentRecord.self)
        let options = options
        let venue = try loop.submit {
            NIOLoopBound(Venue(options, on: loop, ended: ended), eventLoop: loop)
        }.wait()
        let signals = EndingSignals { loop.execute { venue.value.stop() } }
        do {
            let port = try loop.flatSubmit { venue.value.open() }.wait()
            let market = "\(rate) events/s of \(instruments) instruments"
            writeLine("venue: ws://127.0.0.1:\(port), \(market)", to: STDOUT_FILENO)
        } catch {
            ended.fail(error)
            throw VenueError(description: "cannot listen on 127.0.0.1:\(port): \(error)")
        }
        let record = try ended.futureResult.wait()
        withExtendedLifetime(signals) {}
        try group.syncShutdownGracefully()
        if let sent { try record.write(to: sent) }
        if options.progress != nil { Self.showProgress("") }
        writeLine(
            "venue: \(record.events) events in \(record.milliseconds) ms, "
                + "\(record.clients) clients, \(record.cuts) cuts",
            to: STDOUT_FILENO
        )
    }

    /// Writes over the line of the terminal that tells how it goes.
    private static func showProgress(_ text: String) {
        let bytes = Array("\r\u{1B}[K\(text)".utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }

    /// Milliseconds since 1970.
    private static func wallClock() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}

/// Why a venue did not open.
private struct VenueError: Error, CustomStringConvertible {
    let description: String
}
