/// What is unusual, though not impossible, about a stored event.
///
/// The bits are part of the block format: they are never given another meaning.
public struct EventFlags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The best bid is above the best ask.
    public static let crossed = EventFlags(rawValue: 1 << 0)
    /// The best bid equals the best ask.
    public static let locked = EventFlags(rawValue: 1 << 1)
    /// The venue sent no event time; the receipt time stands in.
    public static let noEventTime = EventFlags(rawValue: 1 << 2)
    /// The event is older than the newest of its stream by more than the window of the rule.
    public static let outOfOrder = EventFlags(rawValue: 1 << 3)
    /// The source itself marked the event as suspicious.
    public static let suspicious = EventFlags(rawValue: 1 << 4)
    /// The price is far from the last regular one of its instrument.
    public static let offMarket = EventFlags(rawValue: 1 << 5)
    /// A trade of size zero.
    public static let zeroSize = EventFlags(rawValue: 1 << 6)
    /// The venue's numbering started again with this event.
    public static let sequenceReset = EventFlags(rawValue: 1 << 7)
    /// The bar was not yet closed when it was sent.
    public static let provisional = EventFlags(rawValue: 1 << 8)

    /// Names in the order of the bits, as exports and summaries print them.
    public static let names = [
        "crossed", "locked", "no_event_time", "out_of_order", "suspicious", "off_market", "zero_size",
        "sequence_reset", "provisional",
    ]

    /// The names of the bits that are set; a bit without a name prints as `bit_N`.
    public var setNames: [String] {
        (0..<32).filter { rawValue & (1 << $0) != 0 }.map { $0 < Self.names.count ? Self.names[$0] : "bit_\($0)" }
    }
}
