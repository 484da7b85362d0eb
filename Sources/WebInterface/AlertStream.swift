import Alerts
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import NIOWebSocket
import Service

/// Alerts as they come, until the client goes away: as Server-Sent Events, or over a WebSocket.
///
/// Source: WHATWG HTML, "Server-sent events". A client that comes back with `Last-Event-ID`, or with `?after=ID` over a
/// WebSocket, gets what it missed, as far as the daemon remembers.
struct AlertStream: Sendable {
    let board: AlertBoard
    let sleep: @Sendable (Duration) async throws -> Void

    /// Something is sent at least so often, so that both sides notice when the other one is gone.
    private static let heartbeat: Duration = .seconds(15)
    private static let lastEventID = HTTPField.Name("Last-Event-ID")

    func answer(_ request: Request) throws -> Response {
        let id = Self.lastEventID.flatMap { request.headers[$0] }
        guard let (missed, alerts) = board.listen(after: id) else {
            throw HTTPError(.serviceUnavailable, message: "too many listen to alerts already")
        }
        let body = ResponseBody { [self] writer in
            try await writer.write(ByteBuffer(string: ": alerts\n\n"))
            for alert in missed { try await writer.write(Self.event(alert)) }
            for await item in items(alerts) {
                try await writer.write(item.map(Self.event) ?? ByteBuffer(string: ": still here\n\n"))
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: body
        )
    }

    /// Sends alerts over a WebSocket, one JSON object a message.
    func serve(_ channel: UpgradableChannel.WebSocket, after id: String?) async {
        try? await channel.executeThenClose { inbound, outbound in
            guard let (missed, alerts) = board.listen(after: id) else {
                return try await outbound.write(Self.closing(.init(codeNumber: 1013)))
            }
            for alert in missed { try await outbound.write(Self.message(alert)) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for await item in items(alerts) {
                        let ping = WebSocketFrame(fin: true, opcode: .ping, data: ByteBuffer())
                        try await outbound.write(item.map(Self.message) ?? ping)
                    }
                }
                group.addTask { try await Self.listen(inbound, outbound) }
                // Whoever ends first ends the connection.
                try await group.next()
                group.cancelAll()
            }
        }
    }

    /// Answers pings until the client closes.
    private static func listen(
        _ inbound: NIOAsyncChannelInboundStream<WebSocketFrame>,
        _ outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>
    ) async throws {
        for try await frame in inbound {
            switch frame.opcode {
            case .ping:
                try await outbound.write(WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData))
            case .connectionClose: return try await outbound.write(closing(.normalClosure))
            default: break
            }
        }
    }

    private static func message(_ alert: Alert) -> WebSocketFrame {
        WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(string: alert.json))
    }

    private static func closing(_ code: WebSocketErrorCode) -> WebSocketFrame {
        var data = ByteBuffer()
        data.write(webSocketErrorCode: code)
        return WebSocketFrame(fin: true, opcode: .connectionClose, data: data)
    }

    /// The alerts, and nil for every heartbeat.
    private func items(_ alerts: AsyncStream<Alert>) -> AsyncStream<Alert?> {
        let (items, continuation) = AsyncStream.makeStream(of: Alert?.self, bufferingPolicy: .bufferingNewest(1_000))
        let sleep = sleep
        let work = Task {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { for await alert in alerts { continuation.yield(alert) } }
                group.addTask {
                    while (try? await sleep(Self.heartbeat)) != nil { continuation.yield(nil) }
                }
                await group.next()
                group.cancelAll()
            }
            continuation.finish()
        }
        continuation.onTermination = { _ in work.cancel() }
        return items
    }

    private static func event(_ alert: Alert) -> ByteBuffer {
        ByteBuffer(string: "id: \(alert.id)\nevent: alert\ndata: \(alert.json)\n\n")
    }
}
