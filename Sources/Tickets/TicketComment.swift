import BSON

/// A text of a ticket's thread.
public struct TicketComment: Equatable, Sendable {
    /// The ticket that it was written on: in the thread of a merged ticket not the one that is shown.
    public let ticket: String
    /// The event that brought it, by which it is named.
    public let sequence: Int64
    /// Nil once erased, as the text.
    public let author: String?
    public let text: String?
    public let isInternal: Bool
    /// In milliseconds since 1970; in the source's time, where the comment came from one.
    public let time: Int64
}

extension TicketComment {
    /// The description of a ticket, as the comment that opens its thread.
    public init(opening ticket: Ticket, text: String) {
        let first = ticket.events.first { $0.sequence == 1 }
        self.init(
            ticket: ticket.id,
            sequence: 1,
            author: ticket.requester ?? first?.actor,
            text: text,
            isInternal: false,
            time: ticket.createdAt
        )
    }
}

extension Ticket {
    /// The comments among the events that were read along, in their order.
    public var comments: [TicketComment] {
        events.compactMap { event in
            guard let comment = event.change(of: .comment) else { return nil }
            return TicketComment(
                ticket: id,
                sequence: event.sequence,
                author: event.actor,
                text: comment.change.to.string,
                isInternal: event.change(of: .isInternal) != nil,
                time: event.happenedAt
            )
        }
    }
}
