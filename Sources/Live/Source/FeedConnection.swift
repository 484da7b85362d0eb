import Feeds
public import NIOCore
import NIOHTTP1
import NIOPosix
public import NIOSSL
import NIOWebSocket
private import Synchronization

/// Keeps one connection of a source standing.
public struct FeedConnection: Sendable {
    /// What connections need of the world.
    public struct Environment: Sendable {
        /// Where connections run.
        public let group: any EventLoopGroup
        /// What servers are trusted.
        public let tls: NIOSSLContext
        /// A chance from 0 up to, and not including, 1.
        public let chance: @Sendable () -> Double
        /// Waits; throws where the task is cancelled.
        public let sleep: @Sendable (Duration) async throws -> Void

        public init(
            group: any EventLoopGroup,
            tls: NIOSSLContext,
            chance: @escaping @Sendable () -> Double,
            sleep: @escaping @Sendable (Duration) async throws -> Void
        ) {
            self.group = group
            self.tls = tls
            self.chance = chance
            self.sleep = sleep
        }
    }

    private let plan: ConnectionPlan
    private let recorder: FeedRecorder
    private let environment: Environment

    /// Connecting, and then becoming a WebSocket, may take so long each.
    private static let connectTimeout = TimeAmount.seconds(10)

    public init(_ plan: ConnectionPlan, recorder: FeedRecorder, environment: Environment) {
        self.plan = plan
        self.recorder = recorder
        self.environment = environment
    }

    /// Connects, again and again, until the task is cancelled.
    public func run() async {
        var delay = ReconnectDelay()
        while !Task.isCancelled {
            let end = await connectOnce()
            recorder.ended(end)
            if end.wasGood { delay.reset() }
            guard (try? await environment.sleep(delay.next(environment.chance()))) != nil else { return }
        }
    }

    /// Connects, and answers how it ended.
    private func connectOnce() async -> ConnectionEnd {
        let loop = environment.group.next()
        let done = loop.makePromise(of: ConnectionEnd.self)
        let channels = OpenChannels()
        let end = await withTaskCancellationHandler {
            do {
                let upgrade = try await bootstrap(loop).connect(host: plan.address.host, port: plan.address.port) {
                    channel in
                    channels.add(channel)
                    return channel.eventLoop.makeCompletedFuture { try configure(channel, done) }
                }
                guard try await upgrade.get() else { throw FeedConnectionError.notUpgraded }
                return try await done.futureResult.get()
            } catch {
                return failed(Self.reason(error))
            }
        } onCancel: {
            channels.close()
        }
        channels.close()
        // Nobody waits for it where the connection did not come to be; a promise must be kept all the same.
        done.succeed(end)
        return end
    }

    private func failed(_ reason: String) -> ConnectionEnd {
        ConnectionEnd(reason: "\(plan.name): \(plan.address): \(reason)", wasOpen: false, wasGood: false)
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case FeedConnectionError.notUpgraded: "the server did not become a WebSocket: is the path right?"
        case ChannelError.connectTimeout: "no connection within \(connectTimeout.nanoseconds / 1_000_000_000) s"
        case ChannelError.ioOnClosedChannel, ChannelError.eof, ChannelError.alreadyClosed:
            "the server closed the connection, or did not answer in time"
        case let error as NIOConnectionError: reason(error)
        case let error as IOError: InputError.reason(errno: error.errnoCode)
        default: "\(error)"
        }
    }

    /// A name may have several addresses: the first says why.
    private static func reason(_ error: NIOConnectionError) -> String {
        if let failure = error.connectionErrors.first { return reason(failure.error) }
        return error.dnsAError != nil || error.dnsAAAAError != nil ? "its name is not known" : "no connection"
    }

    private func bootstrap(_ loop: any EventLoop) -> ClientBootstrap {
        ClientBootstrap(group: loop)
            .connectTimeout(Self.connectTimeout)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
    }

    /// The pipeline of a connection; its result is whether it became a WebSocket.
    private func configure(
        _ channel: any Channel,
        _ done: EventLoopPromise<ConnectionEnd>
    ) throws -> EventLoopFuture<Bool> {
        let address = plan.address
        if address.isSecure {
            // Names are for certificates and for the server to choose one; a bare address has none.
            let isName = (try? SocketAddress(ipAddress: address.host, port: 0)) == nil
            let handler = try NIOSSLClientHandler(
                context: environment.tls,
                serverHostname: isName ? address.host : nil
            )
            try channel.pipeline.syncOperations.addHandler(handler)
        }
        let deadline = channel.eventLoop.scheduleTask(in: Self.connectTimeout) { channel.close(promise: nil) }
        let upgrader = NIOTypedWebSocketClientUpgrader<Bool>(
            maxFrameSize: TapeEncoder.payloadBytesMax,
            upgradePipelineHandler: { [plan, recorder] channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    deadline.cancel()
                    let aggregator = NIOWebSocketFrameAggregator(
                        minNonFinalFragmentSize: 0,
                        maxAccumulatedFrameCount: 4_096,
                        maxAccumulatedFrameSize: TapeEncoder.payloadBytesMax
                    )
                    try channel.pipeline.syncOperations.addHandler(aggregator)
                    try channel.pipeline.syncOperations.addHandler(FeedHandler(plan, recorder, done: done))
                    return true
                }
            }
        )
        var headers = HTTPHeaders()
        headers.add(name: "Host", value: address.hostHeader)
        headers.add(name: "User-Agent", value: "tapedesk")
        let request = HTTPRequestHead(version: .http1_1, method: .GET, uri: address.target, headers: headers)
        let configuration = NIOTypedHTTPClientUpgradeConfiguration<Bool>(
            upgradeRequestHead: request,
            upgraders: [upgrader],
            notUpgradingCompletionHandler: { channel in
                deadline.cancel()
                channel.close(promise: nil)
                return channel.eventLoop.makeSucceededFuture(false)
            }
        )
        var pipeline = NIOUpgradableHTTPClientPipelineConfiguration(upgradeConfiguration: configuration)
        // Venues greet at once, maybe in the same packet.
        pipeline.leftOverBytesStrategy = .forwardBytes
        return try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(configuration: pipeline)
    }
}

/// Why a connection did not come to be.
private enum FeedConnectionError: Error {
    case notUpgraded
}

/// The channels of one attempt to connect: a name may have several addresses, which are tried beside each other.
private final class OpenChannels: Sendable {
    private let state = Mutex((channels: [any Channel](), isClosed: false))

    func add(_ channel: any Channel) {
        let isClosed = state.withLock { state in
            state.channels.append(channel)
            return state.isClosed
        }
        if isClosed { channel.close(promise: nil) }
    }

    /// Closes those that there are, and all that are still to come.
    func close() {
        let channels = state.withLock { state in
            state.isClosed = true
            defer { state.channels = [] }
            return state.channels
        }
        for channel in channels { channel.close(promise: nil) }
    }
}
