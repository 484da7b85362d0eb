package import MarketData

/// A ticket that is overdue.
package struct OverdueTicket: Hashable, Sendable {
    /// As people write it.
    package let number: String
    /// When it became overdue.
    package let since: Timestamp

    package init(number: String, since: Timestamp) {
        self.number = number
        self.since = since
    }
}
