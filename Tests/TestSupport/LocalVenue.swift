import NIOCore
import NIOHTTP1
import NIOPosix
public import NIOWebSocket

/// A venue of a test: a WebSocket server on loopback that does what a script says.
///
/// Safe to use from any task.
public final class LocalVenue: Sendable {
    /// One connection of a client, as its script sees it.
    public struct Conversation {
        fileprivate var inbound: NIOAsyncChannelInboundStream<WebSocketFrame>.AsyncIterator
        fileprivate let outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>

        /// The next text that the client sends; nil where it is gone.
        public mutating func receive() async throws -> String? {
            while let frame = try await next() {
                if frame.opcode == .text { return String(buffer: frame.unmaskedData) }
            }
            return nil
        }

        /// The next frame of any kind.
        public mutating func next() async throws -> WebSocketFrame? {
            try await inbound.next(isolation: nil)
        }

        /// Sends texts, a frame each, in one go.
        public func send(_ texts: String...) async throws { try await send(texts) }

        /// Sends texts, a frame each, in one go.
        public func send(_ texts: [String]) async throws {
            let frames = texts.map { WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(string: $0)) }
            try await outbound.write(contentsOf: frames)
        }

        /// Sends a text in several frames.
        public func sendFragments(_ parts: [String]) async throws {
            let frames = parts.enumerated().map { index, part in
                WebSocketFrame(
                    fin: index == parts.count - 1,
                    opcode: index == 0 ? .text : .continuation,
                    data: ByteBuffer(string: part)
                )
            }
            try await outbound.write(contentsOf: frames)
        }

        /// Sends a frame of any kind.
        public func send(_ opcode: WebSocketOpcode, _ bytes: [UInt8]) async throws {
            try await outbound.write(WebSocketFrame(fin: true, opcode: opcode, data: ByteBuffer(bytes: bytes)))
        }
    }

    /// What becomes of the connection with a number, from 1 on; when it returns or throws, the connection is cut.
    public typealias Script = @Sendable (_ number: Int, _ conversation: inout Conversation) async throws -> Void

    private typealias Connection = NIOAsyncChannel<WebSocketFrame, WebSocketFrame>
    private typealias Upgrade = EventLoopFuture<Connection?>

    public let port: Int
    private let server: Task<Void, any Error>
    private let channel: any Channel

    /// Opens a server with a script for its connections.
    public init(_ script: @escaping Script) async throws {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .bind(host: "127.0.0.1", port: 0) { channel in
                channel.eventLoop.makeCompletedFuture { try Self.configure(channel) }
            }
        channel = listener.channel
        port = listener.channel.localAddress?.port ?? 0
        server = Task { try await Self.serve(listener, script) }
    }

    deinit {
        server.cancel()
        channel.close(promise: nil)
    }

    /// Cuts all connections and takes no more.
    public func stop() async {
        server.cancel()
        try? await channel.close()
        _ = await server.result
    }

    private static func serve(
        _ listener: NIOAsyncChannel<Upgrade, Never>,
        _ script: @escaping Script
    ) async throws {
        try await listener.executeThenClose { upgrades in
            try await withThrowingDiscardingTaskGroup { group in
                var number = 0
                for try await upgrade in upgrades {
                    guard let connection = try? await upgrade.get() else { continue }
                    number += 1
                    let current = number
                    group.addTask { try? await talk(connection, current, script) }
                }
            }
        }
    }

    private static func talk(_ connection: Connection, _ number: Int, _ script: Script) async throws {
        try await connection.executeThenClose { inbound, outbound in
            var conversation = Conversation(inbound: inbound.makeAsyncIterator(), outbound: outbound)
            try await script(number, &conversation)
        }
    }

    private static func configure(_ channel: any Channel) throws -> Upgrade {
        let upgrader = NIOTypedWebSocketServerUpgrader<Connection?>(
            maxFrameSize: 1 << 24,
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders()) },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture { try Connection(wrappingChannelSynchronously: channel) }
            }
        )
        let configuration = NIOTypedHTTPServerUpgradeConfiguration<Connection?>(
            upgraders: [upgrader],
            notUpgradingCompletionHandler: { channel in
                channel.close(promise: nil)
                return channel.eventLoop.makeSucceededFuture(nil)
            }
        )
        return try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(
            configuration: .init(upgradeConfiguration: configuration)
        )
    }
}
