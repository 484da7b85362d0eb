import Feeds
import NIOCore
import NIOWebSocket

/// Speaks over one connection as its plan says, and records what comes.
///
/// Runs on the connection's event loop. A message goes onto the tape where it is received, without waiting for anybody;
/// where the disk falls behind, or the tape is full, nothing more is read from the connection until there is room.
final class FeedHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private let plan: ConnectionPlan
    private let recorder: FeedRecorder
    private let done: EventLoopPromise<ConnectionEnd>
    private var context: ChannelHandlerContext?
    private var timers: [Int: Scheduled<Void>] = [:]
    private var timersSoFar = 0
    private var opened = NIODeadline.now()
    private var lastReceipt = NIODeadline.now()
    private var messages = 0
    private var snapshots: Set<String> = []
    /// Messages that a full tape did not take.
    private var held = CircularBuffer<WebSocketFrame>()
    private var reason: String?
    private var isOpen = false

    /// A full tape is tried again so much later.
    private static let retryDelay = TimeAmount.milliseconds(20)
    /// A connection that stood so long, and brought something, was a good one.
    private static let goodTime = TimeAmount.seconds(30)
    /// Subscriptions that are told apart.
    private static let snapshotsMax = 10_000

    init(_ plan: ConnectionPlan, _ recorder: FeedRecorder, done: EventLoopPromise<ConnectionEnd>) {
        self.plan = plan
        self.recorder = recorder
        self.done = done
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        isOpen = true
        opened = .now()
        lastReceipt = opened
        recorder.opened()
        record(.connect, plan.address.description)
        for (number, message) in plan.messages.enumerated() {
            let delay = plan.messageInterval * number
            schedule(TimeAmount(delay)) { $0.send(message) }
        }
        if let keepAlive = plan.keepAlive { keepSending(keepAlive) }
        watchSilence(after: TimeAmount(plan.silence))
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        finish(reason ?? "the connection was closed")
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        lastReceipt = .now()
        switch frame.opcode {
        case .text, .binary:
            if held.isEmpty, take(frame) { return }
            held.append(frame)
            pause(context)
        case .ping:
            write(.pong, frame.unmaskedData)
        case .connectionClose:
            var data = frame.unmaskedData
            let code = data.readInteger(as: UInt16.self).map { ", code \($0)" } ?? ""
            close("the venue closed the connection\(code)")
        default: break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if recorder.tape.isBehind { letTheDiskFollow(context) }
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(reason ?? "the connection was cut")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close("the connection failed: \(error)")
    }

    /// Ends the connection from outside.
    func close(_ reason: String) {
        guard let context, isOpen else { return }
        if self.reason == nil { self.reason = reason }
        write(.connectionClose, ByteBuffer(bytes: [0x03, 0xE8]))
        context.close(promise: nil)
    }

    // MARK: Messages

    /// Records a message; answers false where the tape is full.
    private func take(_ frame: WebSocketFrame) -> Bool {
        let isTaken = frame.data.withUnsafeReadableBytes { bytes in
            var kind = TapeFrameKind.receive
            if let key = plan.snapshotKey(bytes), snapshots.count < Self.snapshotsMax, !snapshots.contains(key) {
                kind = .snapshot
                guard recorder.record(kind, plan.name, bytes) else { return false }
                snapshots.insert(key)
                return true
            }
            guard recorder.record(kind, plan.name, bytes) else { return false }
            if plan.isRefusal(bytes) {
                let text = String(decoding: bytes.prefix(200), as: UTF8.self)
                recorder.refused("\(plan.name): the venue refused: \(text)")
            }
            return true
        }
        if isTaken { messages += 1 }
        return isTaken
    }

    private func record(_ kind: TapeFrameKind, _ text: String) {
        var text = text
        _ = text.withUTF8 { recorder.record(kind, plan.name, UnsafeRawBufferPointer($0)) }
    }

    private func send(_ text: String) {
        record(.send, text)
        write(.text, ByteBuffer(string: text))
    }

    private func write(_ opcode: WebSocketOpcode, _ data: ByteBuffer) {
        guard let context, isOpen else { return }
        let frame = WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: data)
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }

    // MARK: Waiting

    private func pause(_ context: ChannelHandlerContext) {
        guard held.count == 1 else { return }
        context.channel.setOption(.autoRead, value: false).whenFailure { _ in }
        schedule(Self.retryDelay) { $0.takeHeld() }
    }

    private func takeHeld() {
        while let frame = held.first {
            guard take(frame) else {
                schedule(Self.retryDelay) { $0.takeHeld() }
                return
            }
            held.removeFirst()
        }
        lastReceipt = .now()
        context?.channel.setOption(.autoRead, value: true).whenFailure { _ in }
    }

    private func letTheDiskFollow(_ context: ChannelHandlerContext) {
        let channel = context.channel
        let tape = recorder.tape
        channel.setOption(.autoRead, value: false).whenFailure { _ in }
        let settled = channel.eventLoop.makeFutureWithTask { await tape.settle() }
        settled.assumeIsolated().whenComplete { _ in
            if self.held.isEmpty { channel.setOption(.autoRead, value: true).whenFailure { _ in } }
        }
    }

    // MARK: Timers

    private func schedule(_ delay: TimeAmount, _ action: @escaping (FeedHandler) -> Void) {
        guard let loop = context?.eventLoop else { return }
        timersSoFar += 1
        let number = timersSoFar
        timers[number] = loop.assumeIsolated().scheduleTask(in: delay) { [weak self] in
            guard let self, self.isOpen else { return }
            self.timers[number] = nil
            action(self)
        }
    }

    private func keepSending(_ keepAlive: ConnectionPlan.KeepAlive) {
        schedule(TimeAmount(keepAlive.interval)) { handler in
            handler.send(keepAlive.text)
            handler.keepSending(keepAlive)
        }
    }

    private func watchSilence(after delay: TimeAmount) {
        schedule(delay) { handler in
            let silence = TimeAmount(handler.plan.silence)
            let deadline = handler.lastReceipt + silence
            // What waits here for room is no silence of the venue.
            guard handler.held.isEmpty, deadline <= .now() else {
                let rest = handler.held.isEmpty ? deadline - .now() : silence
                return handler.watchSilence(after: max(rest, .milliseconds(1)))
            }
            handler.close("nothing was received for \(handler.plan.silence)")
        }
    }

    private func finish(_ reason: String) {
        guard isOpen else { return }
        isOpen = false
        for timer in timers.values { timer.cancel() }
        timers = [:]
        context = nil
        let wasGood = messages > 0 && .now() - opened >= Self.goodTime
        done.succeed(ConnectionEnd(reason: "\(plan.name): \(reason)", wasOpen: true, wasGood: wasGood))
    }
}
