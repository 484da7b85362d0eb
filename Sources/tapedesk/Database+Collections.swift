import Console
import Leases
import Records
import TickStore
import Tickets

extension Database {
    /// Every collection of Tapedesk.
    static let specifications =
        MarketDataCollections.all + TicketCollections.all + LeaseCollections.all + [AlertsCollection.specification]
    /// What replays of tickets write.
    static let ticketSpecifications = RecordCollections.all + TicketCollections.all
}
