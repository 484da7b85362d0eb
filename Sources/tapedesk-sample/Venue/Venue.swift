import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

/// A venue on loopback that speaks as Binance's spot market does.
///
/// Lives on one event loop.
final class Venue {
    /// What a venue does.
    struct Options: Sendable {
        var port = 0
        var schedule: EventSchedule
        var instruments: Int
        var seed: UInt64
        var quotes: Int
        var firstID: UInt64?
        var skipEvery: Int?
        var cutEvery: TimeAmount?
        var waits = false
        var ticketFolders: [String] = []
        var ticketEvery = TimeAmount.seconds(10)
        /// Tells what happens, once a second; nil where nobody looks.
        var progress: (@Sendable (String) -> Void)?
        /// Takes what does not go as it should, and does not end the venue.
        var warn: @Sendable (String) -> Void
        /// Tells milliseconds since 1970.
        var now: @Sendable () -> Int64
    }

    private enum Phase {
        case waiting, playing, closing, over
    }

    private let options: Options
    private let loop: any EventLoop
    private let market: MarketPlayer
    private let ended: EventLoopPromise<SentRecord>
    private var tickets: TicketFeed
    private var listener: (any Channel)?
    private var phase = Phase.waiting
    private var began = NIODeadline.now()
    private var stopped: NIODeadline?
    private var played = 0
    /// When the next batch was meant to leave.
    private var wanted = NIODeadline.now()
    private var latest = TimeAmount.zero
    private var seconds = 0
    private var playedASecondAgo = 0
    private var connections = 0
    private var clients = 0
    private var cuts = 0

    private static let connectionsMax = 256
    /// A connection that has not said what it wants for so long is closed.
    private static let requestPatience = TimeAmount.seconds(10)
    /// How long clients may take to read the rest when the venue ends.
    private static let closingPatience = TimeAmount.seconds(5)
    private static let secondsPerPing = 20
    private static let frameBytesMax = 1 << 16

    /// Makes a venue that is not open yet; to be called on its event loop.
    ///
    /// - Parameter ended: gets what was sent when the venue is over.
    init(_ options: Options, on loop: any EventLoop, ended: EventLoopPromise<SentRecord>) {
        self.options = options
        self.loop = loop
        self.ended = ended
        tickets = TicketFeed(folders: options.ticketFolders, seed: options.seed)
        market = MarketPlayer(
            instruments: options.instruments,
            seed: options.seed,
            quotes: options.quotes,
            skipEvery: options.skipEvery,
            firstID: options.firstID
        )
        market.audience.whenEmpty = { [weak self] in
            if self?.phase == .closing { self?.finish() }
        }
        market.audience.whenSubscribed = { [weak self] in
            guard let self, self.phase == .waiting else { return }
            // Behind the answer to the request.
            self.after(.zero) { $0.begin() }
        }
    }

    // MARK: Opening

    /// Opens the port; answers which one it is.
    func open() -> EventLoopFuture<Int> {
        let bound = NIOLoopBound(self, eventLoop: loop)
        return ServerBootstrap(group: loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try bound.value.configure(channel) }
            }
            .bind(host: "127.0.0.1", port: options.port)
            .map { channel in
                bound.value.isOpen(channel)
                return channel.localAddress?.port ?? 0
            }
    }

    private func isOpen(_ channel: any Channel) {
        listener = channel
        after(.seconds(1)) { $0.everySecond() }
        if let interval = options.cutEvery { cut(every: interval) }
        if !options.ticketFolders.isEmpty { writeTickets() }
        if !options.waits { begin() }
    }

    private func configure(_ channel: any Channel) throws {
        connections += 1
        let bound = NIOLoopBound(self, eventLoop: loop)
        channel.closeFuture.assumeIsolated().whenComplete { _ in self.connections -= 1 }
        guard connections <= Self.connectionsMax, phase == .waiting || phase == .playing else {
            return channel.close(promise: nil)
        }
        let patience = channel.eventLoop.scheduleTask(in: Self.requestPatience) { channel.close(promise: nil) }
        let upgrader = NIOTypedWebSocketServerUpgrader<Void>(
            maxFrameSize: Self.frameBytesMax,
            shouldUpgrade: { channel, head in
                let isKnown = head.uri == "/stream" || head.uri.hasPrefix("/stream?")
                return channel.eventLoop.makeSucceededFuture(isKnown ? HTTPHeaders() : nil)
            },
            upgradePipelineHandler: { channel, head in
                patience.cancel()
                return channel.eventLoop.makeCompletedFuture { try bound.value.admit(channel, head.uri) }
            }
        )
        let upgrade = NIOTypedHTTPServerUpgradeConfiguration<Void>(
            upgraders: [upgrader],
            notUpgradingCompletionHandler: { channel in
                channel.eventLoop.makeCompletedFuture { try bound.value.takeRequests(of: channel) }
            }
        )
        try channel.pipeline.syncOperations
            .configureUpgradableHTTPServerPipeline(configuration: .init(upgradeConfiguration: upgrade))
            .whenFailure { _ in channel.close(promise: nil) }
    }

    /// Makes a client of a connection that has become a WebSocket.
    private func admit(_ channel: any Channel, _ uri: String) throws {
        let pipeline = channel.pipeline.syncOperations
        let output = try pipeline.context(handlerType: WebSocketFrameEncoder.self)
        let session = VenueSession(market.streams, market.audience, output: output)
        try pipeline.addHandler(
            NIOWebSocketFrameAggregator(
                minNonFinalFragmentSize: 0,
                maxAccumulatedFrameCount: 64,
                maxAccumulatedFrameSize: Self.frameBytesMax
            )
        )
        try pipeline.addHandler(session)
        clients += 1
        // Streams may be named in the address, too.
        if let names = uri.split(separator: "=").dropFirst().last, uri.hasPrefix("/stream?streams=") {
            session.subscribe(names.split(separator: "/").map(String.init), true)
        }
    }

    private func takeRequests(of channel: any Channel) throws {
        try channel.pipeline.syncOperations.addHandler(RESTHandler(market))
    }

    // MARK: Playing

    private func begin() {
        guard phase == .waiting else { return }
        phase = .playing
        began = .now()
        wanted = began
        playBatch()
    }

    private func playBatch() {
        guard phase == .playing else { return }
        let now = NIODeadline.now()
        latest = max(latest, now - wanted)
        let elapsed = now - began
        let due = options.schedule.due(after: elapsed)
        let count = min(due - played, options.schedule.batchMax)
        market.play(count, at: options.now())
        played += count
        market.audience.flush()
        if played == options.schedule.eventsMax { return stop() }
        wanted = began + options.schedule.nextStep(after: elapsed)
        // What is still due goes at once, but lets others have their turn.
        after(played < due ? .zero : wanted - .now()) { $0.playBatch() }
    }

    private func everySecond() {
        guard phase == .waiting || phase == .playing else { return }
        seconds += 1
        if phase == .playing { market.playBars(at: options.now()) }
        market.audience.flush()
        if seconds % Self.secondsPerPing == 0 { market.audience.ping() }
        if let progress = options.progress {
            let count = market.audience.sessions.count
            progress("\(played) events, \(played - playedASecondAgo)/s, \(count) clients, \(cuts) cuts")
        }
        playedASecondAgo = played
        after(.seconds(1)) { $0.everySecond() }
    }

    private func cut(every interval: TimeAmount) {
        after(interval) { venue in
            guard venue.phase == .waiting || venue.phase == .playing else { return }
            venue.cuts += 1
            venue.market.audience.cut()
            venue.cut(every: interval)
        }
    }

    private func writeTickets() {
        guard phase == .waiting || phase == .playing else { return }
        do {
            try tickets.writeNext()
        } catch {
            options.warn("\(error)")
        }
        after(options.ticketEvery) { $0.writeTickets() }
    }

    private func after(_ delay: TimeAmount, _ action: @escaping (Venue) -> Void) {
        _ = loop.assumeIsolated().scheduleTask(in: delay) { [weak self] in
            if let self { action(self) }
        }
    }

    // MARK: Ending

    /// Takes no more clients, lets those that are there read the rest, and ends.
    func stop() {
        guard phase == .waiting || phase == .playing else { return }
        phase = .closing
        stopped = .now()
        listener?.close(promise: nil)
        guard !market.audience.sessions.isEmpty else { return finish() }
        market.audience.close()
        after(Self.closingPatience) { $0.finish() }
    }

    private func finish() {
        guard phase == .closing else { return }
        let hasPlayed = played > 0
        phase = .over
        market.audience.cut()
        var record = market.record
        let end = stopped ?? .now()
        record.milliseconds = hasPlayed ? (end - began).nanoseconds / 1_000_000 : 0
        record.latestMilliseconds = latest.nanoseconds / 1_000_000
        record.clients = clients
        record.cuts = cuts
        record.slowClients = market.audience.slowClients
        record.ticketFiles = tickets.files
        record.ticketEvents = tickets.events
        ended.succeed(record)
    }
}
