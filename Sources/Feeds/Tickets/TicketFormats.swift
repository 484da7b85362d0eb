/// Makes the formats of ticket feeds.
public enum TicketFormats {
    /// The format of that name for an opened feed.
    ///
    /// `mapping` is for `tickets-csv` alone.
    ///
    /// - Throws: `InputError`, `unsupported`, where the name is none of a ticket format, or the feed's header lacks
    ///   columns.
    public static func format(
        named name: FormatName,
        for input: TapeInput,
        mapping: TicketMapping? = nil
    ) throws(InputError) -> any TicketFormat {
        switch name {
        case .ticketEvents: return TicketEventsFormat()
        case .serviceNowCSV: return try ServiceNowFormat(head: input.head, path: input.path)
        case .zendeskJSON: return ZendeskFormat()
        case .ticketsCSV:
            do throws(MappingError) {
                return try TicketsCSVFormat(head: input.head, mapping: mapping)
            } catch {
                throw InputError(.unsupported, "\(input.path): \(error)")
            }
        default:
            throw InputError(.unsupported, "\(input.path): \(name.rawValue) is a format of market events")
        }
    }
}
