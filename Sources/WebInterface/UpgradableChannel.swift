import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOWebSocket

/// A connection that speaks HTTP, and may become a WebSocket with its first request.
struct UpgradableChannel: ServerChildChannel, HTTPChannelHandler {
    typealias HTTP = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>
    typealias WebSocket = NIOAsyncChannel<WebSocketFrame, WebSocketFrame>

    /// What a connection became.
    enum Negotiated: Sendable {
        case http(HTTP)
        /// With the path and query of the request.
        case webSocket(WebSocket, target: String)
    }

    struct Value: ServerChildChannelValue {
        let channel: any Channel
        let negotiated: EventLoopFuture<Negotiated>
    }

    let responder: HTTPChannelHandler.Responder
    let idleTimeout: Duration
    /// Whether a request becomes a WebSocket; what does not is answered as any other.
    let shouldUpgrade: @Sendable (HTTPRequestHead) -> Bool
    /// Speaks over a WebSocket until it ends.
    let serve: @Sendable (WebSocket, _ target: String) async -> Void

    /// Clients have little to say.
    private static let frameBytesMax = 16_384

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let upgrader = NIOTypedWebSocketServerUpgrader<Negotiated>(
                maxFrameSize: Self.frameBytesMax,
                shouldUpgrade: { channel, head in
                    channel.eventLoop.makeSucceededFuture(shouldUpgrade(head) ? HTTPHeaders() : nil)
                },
                upgradePipelineHandler: { channel, head in
                    channel.eventLoop.makeCompletedFuture {
                        .webSocket(try WebSocket(wrappingChannelSynchronously: channel), target: head.uri)
                    }
                }
            )
            let upgrade = NIOTypedHTTPServerUpgradeConfiguration<Negotiated>(
                upgraders: [upgrader],
                notUpgradingCompletionHandler: { channel in
                    channel.eventLoop.makeCompletedFuture { .http(try http(channel, logger)) }
                }
            )
            var pipeline = NIOUpgradableHTTPServerPipelineConfiguration<Negotiated>(upgradeConfiguration: upgrade)
            // As hummingbird has it: it orders requests, answers errors and checks headers itself.
            pipeline.enablePipelining = false
            pipeline.enableErrorHandling = false
            pipeline.enableResponseHeaderValidation = false
            let negotiated = try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(
                configuration: pipeline
            )
            return Value(channel: channel, negotiated: negotiated)
        }
    }

    private func http(_ channel: any Channel, _ logger: Logger) throws -> HTTP {
        try channel.pipeline.syncOperations.addHandler(HTTP1ToHTTPServerCodec(secure: false))
        let state = HTTPConnectionStateHandler(idleTimeout: idleTimeout, logger: logger)
        try channel.pipeline.syncOperations.addHandler(state)
        return try HTTP(
            wrappingChannelSynchronously: channel,
            configuration: .init(isOutboundHalfClosureEnabled: true)
        )
    }

    func handle(value: Value, logger: Logger) async {
        let negotiated = await withTaskCancellationHandler {
            try? await value.negotiated.get()
        } onCancel: {
            value.channel.close(promise: nil)
        }
        switch negotiated {
        case .http(let channel): await handleHTTP(asyncChannel: channel, logger: logger)
        case .webSocket(let channel, let target): await serve(channel, target)
        // It ended before it said anything.
        case nil: break
        }
    }
}
