import NIOCore
import NIOHTTP1

/// Answers one request of a connection that asks for no WebSocket, and closes it.
///
/// Lives on the event loop.
final class RESTHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let market: MarketPlayer
    private var head: HTTPRequestHead?

    init(_ market: MarketPlayer) {
        self.market = market
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            // Of a request for a WebSocket that is refused, only the end comes here.
            let uri = head?.method == .GET ? head?.uri : nil
            head = nil
            answer(uri ?? "", context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func answer(_ uri: String, _ context: ChannelHandlerContext) {
        let answer = RESTAnswer(uri, market)
        let headers: HTTPHeaders = [
            "content-type": "application/json;charset=UTF-8",
            "content-length": "\(answer.body.readableBytes)",
            // One answer per connection: nobody who does not read piles them up here.
            "connection": "close",
        ]
        let response = HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
        context.write(wrapOutboundOut(.head(response)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(answer.body))), promise: nil)
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
    }
}
