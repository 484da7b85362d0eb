/// Which column of a table of tickets means what, as `--map id=Ticket ID,subject=Ticket Subject,…` declares it.
public struct TicketMapping: Sendable, Equatable {
    /// What a column can mean.
    public enum Meaning: String, CaseIterable, Sendable {
        case id, requester, subject, description, status, priority, assignee, group, tags, comment
        /// When the requester was first answered.
        case firstResponse = "first_response"
        /// When the ticket was resolved.
        case resolved
        case created, updated
        /// The number of the row among those of its ticket.
        case sequence

        /// Titles that are taken for the meaning where nothing is declared, in lower case with `_` for a space.
        fileprivate var wellKnownTitles: [String] {
            switch self {
            case .id: ["ticket_id", "ticket", "ticket_number", "id"]
            case .requester: ["customer_email", "requester", "requester_email", "email"]
            case .subject: ["ticket_subject", "subject", "title"]
            case .description: ["ticket_description", "description"]
            case .status: ["ticket_status", "status"]
            case .priority: ["ticket_priority", "priority"]
            case .assignee: ["assignee", "assigned_to"]
            case .group: ["group", "assignment_group"]
            case .tags: ["tags"]
            case .comment: ["resolution"]
            case .firstResponse: ["first_response_time", "first_response_at", "first_response"]
            case .resolved: ["time_to_resolution", "resolved_at", "resolved"]
            case .created: ["created_at", "created"]
            case .updated: ["updated_at", "updated"]
            case .sequence: ["sequence"]
            }
        }
    }

    /// The title of the column for each meaning that is mapped.
    public let titles: [Meaning: String]

    /// Takes declared titles.
    ///
    /// - Throws: `MappingError` where there is none for the identifier or the subject.
    public init(_ titles: [Meaning: String]) throws(MappingError) {
        for meaning in [Meaning.id, .subject] where titles[meaning] == nil {
            throw MappingError(
                "a ticket needs a column for '\(meaning.rawValue)': add \(meaning.rawValue)=COLUMN to --map"
            )
        }
        self.titles = titles
    }

    /// Reads `id=Ticket ID,subject=Ticket Subject`; titles may hold spaces, but no comma.
    ///
    /// - Throws: `MappingError` that names the part that is not understood.
    public init(parsing text: String) throws(MappingError) {
        var titles: [Meaning: String] = [:]
        for part in text.split(separator: ",") {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2, !sides[1].isEmpty else {
                throw MappingError("'\(part)' is not of the form MEANING=COLUMN")
            }
            guard let meaning = Meaning(rawValue: String(sides[0])) else {
                let known = Meaning.allCases.map(\.rawValue).joined(separator: ", ")
                throw MappingError("'\(sides[0])' is no meaning of a column; there are \(known)")
            }
            guard titles.updateValue(String(sides[1]), forKey: meaning) == nil else {
                throw MappingError("'\(meaning.rawValue)' is mapped twice")
            }
        }
        try self.init(titles)
    }

    /// The mapping of a table whose columns have well-known titles.
    ///
    /// - Throws: `MappingError` where none is one of an identifier or a subject.
    public init(wellKnownAmong present: [String]) throws(MappingError) {
        let names = present.map(CustomName.make(from:))
        var titles: [Meaning: String] = [:]
        for meaning in Meaning.allCases {
            let place = meaning.wellKnownTitles.lazy.compactMap { names.firstIndex(of: $0) }.first
            titles[meaning] = place.map { present[$0] }
        }
        try self.init(titles)
    }

    /// Whether a table with these columns is one of tickets, as far as titles tell.
    static func recognises(_ titles: [String]) -> Bool {
        // Tables of anything have an `id`: by itself it says nothing.
        let ids = Set(Meaning.id.wellKnownTitles).subtracting(["id"])
        return !ids.isDisjoint(with: titles.map(CustomName.make(from:)))
    }
}

extension TicketMapping: CustomStringConvertible {
    /// The mapping as `--map` takes it, in a fixed order.
    public var description: String {
        Meaning.allCases.compactMap { meaning in titles[meaning].map { "\(meaning.rawValue)=\($0)" } }
            .joined(separator: ",")
    }
}
