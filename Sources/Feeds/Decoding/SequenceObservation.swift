public import MarketData

/// A number that a message carries for itself, whether or not it holds events.
///
/// Some venues number the messages of a connection, order books and heartbeats included: a hole between two trades
/// is then no gap, and a gap may lie between two messages that are no events. So the decoder reports every number
/// it saw, and the sequential stage feeds the observations of a batch to its gap tracker in the order of their
/// positions; at equal positions an observation comes before the event.
public struct SequenceObservation: Hashable, Sendable {
    public var position: TapePosition
    /// Index into the sequence streams of the batch.
    public let stream: Int32
    /// The number; nil where the numbering starts anew, as on a new connection under an old name.
    public let number: Int64?
    public let rule: SequenceRule
    /// Whether the number is one of an event that was rejected: the venue may send it again, in order then.
    public let isOfRejectedEvent: Bool

    public init(
        position: TapePosition,
        stream: Int32,
        number: Int64?,
        rule: SequenceRule,
        isOfRejectedEvent: Bool = false
    ) {
        self.position = position
        self.stream = stream
        self.number = number
        self.rule = rule
        self.isOfRejectedEvent = isOfRejectedEvent
    }
}
