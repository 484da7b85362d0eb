/// How a ticket feed is cut into records and what decodes them.
///
/// One value per replay; decoders are made from it.
public protocol TicketFormat: RecordFraming {
    /// How the numbers of one ticket's records run.
    var numbering: Numbering { get }

    /// What decides the meaning of the records beside the format's name, such as a mapping; empty where nothing does.
    var details: String { get }

    /// Makes a decoder. Several decode different slabs of one feed at the same time, in any order.
    func makeTicketDecoder() -> any TicketDecoder
}

extension TicketFormat {
    public var details: String { "" }
}

/// How the numbers of one ticket's records run.
public enum Numbering: Sendable {
    /// Each number is one more than the last: a missing one is a gap.
    case contiguous
    /// As contiguous, of a system that may begin to count anew: a smaller number at a later time is such a beginning.
    case restarting
    /// Numbers grow by any amount: there are no gaps to see.
    case increasing
}

/// Turns slabs into frames.
///
/// Holds scratch memory, nothing that one slab tells about another. Used by one task at a time.
public protocol TicketDecoder: AnyObject {
    func decode(_ slab: Slab) -> TicketBatch
}
