/// What is said over one connection to a venue, and what is expected of it.
public struct ConnectionPlan: Equatable, Sendable {
    /// A message that the venue wants now and then.
    public struct KeepAlive: Equatable, Sendable {
        public let text: String
        public let interval: Duration

        public init(_ text: String, every interval: Duration) {
            self.text = text
            self.interval = interval
        }
    }

    /// What frames of the connection are recorded under; not that of another connection of the source.
    public var name: String
    public var address: WebSocketAddress
    /// What is sent once it stands, in order.
    public var messages: [String]
    /// How long to wait between two of them.
    public var messageInterval: Duration = .milliseconds(250)
    public var keepAlive: KeepAlive?
    /// A connection that brings nothing for so long is dead.
    public var silence: Duration = .seconds(30)
    /// Texts of which one is in every message that refuses a subscription.
    public var refusalMarks: [String] = []
    /// What stands before the name of the subscription at the end of messages whose first of each subscription
    /// repeats the past; nil where there are none.
    public var snapshotMark: String?

    public init(name: String, address: WebSocketAddress, messages: [String]) {
        self.name = name
        self.address = address
        self.messages = messages
    }

    /// Refusals are short.
    private static let refusalBytesMax = 4_096

    /// Whether a message refuses a subscription.
    func isRefusal(_ message: UnsafeRawBufferPointer) -> Bool {
        guard !refusalMarks.isEmpty, message.count <= Self.refusalBytesMax else { return false }
        return refusalMarks.contains { message.lastPlace(of: $0) != nil }
    }

    /// The subscription that a message may begin; nil for any other message.
    func snapshotKey(_ message: UnsafeRawBufferPointer) -> String? {
        guard let snapshotMark, let place = message.lastPlace(of: snapshotMark) else { return nil }
        return String(decoding: message[(place + snapshotMark.utf8.count)...], as: UTF8.self)
    }
}

extension UnsafeRawBufferPointer {
    /// Where the last occurrence of a text begins.
    fileprivate func lastPlace(of text: String) -> Int? {
        let wanted = Array(text.utf8)
        guard !wanted.isEmpty, count >= wanted.count else { return nil }
        return (0...(count - wanted.count)).reversed().first { place in
            wanted.indices.allSatisfy { self[place + $0] == wanted[$0] }
        }
    }
}
