import NIOCore
import NIOWebSocket

/// One client of a venue: takes its requests, and sends it frames that are made once for all.
///
/// Lives on the event loop.
final class VenueSession: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame

    /// By the number of a stream.
    private(set) var isSubscribed: [Bool]
    private let streams: StreamList
    private let audience: Audience
    /// The place in the pipeline behind which frames are bytes: what is written there passes the encoder of NIO by.
    private let output: ChannelHandlerContext
    private var pending = ByteBuffer()
    /// Bytes that were written and that the system has not taken yet.
    private var unsent = 0
    private var frame = OutgoingFrame()
    private var lastPong = NIODeadline.now()
    private var isOpen = false

    /// What a client may leave unread before it is cut, beside the buffers of the system.
    private static let unsentMax = 8_000_000
    /// As Binance has it.
    private static let patience = TimeAmount.seconds(60)

    /// - Parameter output: the place of the encoder of frames.
    init(_ streams: StreamList, _ audience: Audience, output: ChannelHandlerContext) {
        self.streams = streams
        self.audience = audience
        self.output = output
        isSubscribed = Array(repeating: false, count: streams.names.count)
    }

    // MARK: Sending

    /// Puts a finished frame behind those that leave with the next ``flush()``.
    func append(_ frame: ByteBuffer) {
        guard isOpen else { return }
        pending.writeImmutableBuffer(frame)
    }

    /// Sends what is waiting; a client that does not read is cut.
    func flush() {
        let count = pending.readableBytes
        guard isOpen, count > 0 else { return }
        unsent += count
        guard unsent <= Self.unsentMax else {
            audience.countSlowClient()
            return cut()
        }
        let written = output.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { [weak self] _ in self?.unsent -= count }
        output.writeAndFlush(NIOAny(pending), promise: written)
        pending.clear()
    }

    private func send(_ opcode: WebSocketOpcode = .text, _ write: (inout ByteBuffer) -> Void) {
        frame.build(opcode, write)
        append(frame.bytes)
        flush()
    }

    /// Asks whether the client is there; cuts it where it has not answered for long.
    func ping() {
        guard lastPong + Self.patience > .now() else { return cut() }
        send(.ping) { $0.writeStaticString("tapedesk") }
    }

    /// Says goodbye; the client closes the connection then.
    func close() {
        send(.connectionClose) { $0.writeInteger(UInt16(webSocketErrorCode: .goingAway)) }
        isOpen = false
    }

    /// Ends the connection without a word.
    func cut() {
        isOpen = false
        output.channel.close(promise: nil)
    }

    // MARK: Receiving

    func handlerAdded(context: ChannelHandlerContext) {
        isOpen = true
        audience.join(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        isOpen = false
        audience.leave(self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        cut()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .text: answer(frame.unmaskedData)
        case .ping: send(.pong) { $0.writeImmutableBuffer(frame.unmaskedData) }
        case .pong: lastPong = .now()
        case .connectionClose:
            close()
            context.close(promise: nil)
        default: break
        }
    }

    private func answer(_ message: ByteBuffer) {
        guard let request = StreamRequest(message.readableBytesView) else {
            return send { $0.writeStaticString(#"{"error":{"code":3,"msg":"Invalid JSON"},"id":null}"#) }
        }
        switch request.method {
        case "SUBSCRIBE": subscribe(request.parameters, true)
        case "UNSUBSCRIBE": subscribe(request.parameters, false)
        case "LIST_SUBSCRIPTIONS":
            let names = zip(streams.names, isSubscribed).filter { $1 }.map { "\"\($0.0)\"" }
            return send { $0.writeString(#"{"result":[\#(names.joined(separator: ","))],"id":\#(request.id)}"#) }
        default:
            let reason = #"{"code":2,"msg":"Invalid request: unknown method"}"#
            return send { $0.writeString(#"{"error":\#(reason),"id":\#(request.id)}"#) }
        }
        send { $0.writeString(#"{"result":null,"id":\#(request.id)}"#) }
    }

    /// Subscribes to streams, or no longer; unknown ones are passed over, as Binance does.
    func subscribe(_ names: [String], _ wanted: Bool) {
        for name in names {
            guard let stream = streams.number(of: name), isSubscribed[stream] != wanted else { continue }
            isSubscribed[stream] = wanted
            audience.count(stream, isSubscribed: wanted)
        }
    }
}
