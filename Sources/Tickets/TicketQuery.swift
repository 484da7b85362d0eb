import BSON
public import DocumentStore

/// Which tickets a list shows, and in what order.
public struct TicketQuery: Equatable, Sendable {
    /// What a list is sorted by.
    public enum Order: String, CaseIterable, Sendable {
        case created
        case updated
        case priority
        /// What is due first.
        case due
    }

    public var statuses: [TicketStatus] = []
    public var priorities: [TicketPriority] = []
    /// Any of these agents.
    public var assignees: [String] = []
    public var isUnassigned = false
    public var groups: [String] = []
    /// All of these tags.
    public var tags: [String] = []
    public var requester: String?
    /// Whoever is the requester, or was at any time.
    public var requesterEver: String?
    /// All of these words, in subject, description or comments; see `SearchTerms`.
    public var words: [String] = []
    /// Words that begin so.
    public var prefixes: [String] = []
    /// Created at this time or later, in milliseconds since 1970.
    public var createdFrom: Int64?
    /// Created before this time.
    public var createdBefore: Int64?
    /// Due before this time.
    public var dueBefore: Int64?
    public var order = Order.created
    public var isAscending = false
    public var limit: Int
    /// Whether descriptions, which may be long, are read along.
    public var hasDescriptions = false

    public init(limit: Int) {
        self.limit = limit
    }

    /// A search text: words, the last letters of which may be left out with `*` (`refun*`).
    public mutating func search(_ text: String) {
        for part in text.split(whereSeparator: \.isWhitespace) {
            let isPrefix = part.hasSuffix("*")
            var words = SearchTerms.words([String(part)])
            if isPrefix, let last = words.popLast() { prefixes.append(last) }
            self.words += words
        }
    }
}

extension TicketQuery {
    private typealias Field = SupportRequestsCollection.Field

    /// The conditions, as an index can answer them.
    var conditions: [DocumentQuery.Condition] {
        var conditions: [DocumentQuery.Condition] = []
        Self.append(Field.status, statuses.map { .string($0.rawValue) }, to: &conditions)
        Self.append(Field.priorityRank, priorities.map { .int64($0.rank) }, to: &conditions)
        Self.append(Field.assignee, isUnassigned ? [.null] : assignees.map { .string($0) }, to: &conditions)
        Self.append(Field.group, groups.map { .string($0) }, to: &conditions)
        for tag in tags { conditions.append(.equals(Field.tags, .string(tag))) }
        for word in words { conditions.append(.equals(Field.terms, .string(word))) }
        for prefix in prefixes { conditions.append(.startsWith(Field.terms, prefix)) }
        if let requester {
            Self.append(
                Field.requester,
                Set([requester, requester.lowercased()]).sorted().map { .string($0) },
                to: &conditions
            )
        }
        if let requesterEver {
            conditions.append(.equals(Field.requesters, .string(requesterEver.lowercased())))
        }
        if let createdFrom { conditions.append(.greaterOrEqual(Field.createdAt, .datetime(createdFrom))) }
        if let createdBefore { conditions.append(.less(Field.createdAt, .datetime(createdBefore))) }
        if let dueBefore { conditions.append(.less(Field.dueAt, .datetime(dueBefore))) }
        return conditions
    }

    private static func append(
        _ field: String,
        _ values: [BSONValue],
        to conditions: inout [DocumentQuery.Condition]
    ) {
        switch values.count {
        case 0: break
        case 1: conditions.append(.equals(field, values[0]))
        default: conditions.append(.isIn(field, values))
        }
    }

    private var orderField: String {
        switch order {
        case .created: Field.createdAt
        case .updated: Field.updatedAt
        case .priority: Field.priorityOrder
        case .due: Field.dueAt
        }
    }

    /// The query of the store, without what lists do not show.
    public var documentQuery: DocumentQuery {
        DocumentQuery(
            SupportRequestsCollection.name,
            where: conditions,
            order: [.init(orderField, ascending: isAscending)],
            fields: .excluding(
                [Field.events, Field.terms, Field.archives, Field.headHash]
                    + (hasDescriptions ? [] : [Field.description])
            ),
            limit: limit
        )
    }
}

extension TicketDesk {
    /// Goes through the tickets of a query, page by page.
    public func list(_ query: TicketQuery) -> TicketPages {
        TicketPages(pages: DocumentPages(reader: environment.writer, query: query.documentQuery, pageSize: 500))
    }

    /// How many tickets meet the conditions of a query, whatever its limit.
    ///
    /// - Throws: `StoreError`.
    public func count(_ query: TicketQuery) async throws(StoreError) -> Int {
        try await environment.store.count(SupportRequestsCollection.name, where: query.conditions)
    }
}

/// Tickets of a query, read a page at a time.
///
/// They lack events, and descriptions unless the query asks for them.
public struct TicketPages: Sendable {
    private var pages: DocumentPages

    init(pages: DocumentPages) {
        self.pages = pages
    }

    /// The next tickets; none at the end.
    ///
    /// - Throws: `StoreError`.
    public mutating func next() async throws(StoreError) -> [Ticket] {
        var tickets: [Ticket] = []
        for document in try await pages.next() { tickets.append(try Ticket(document)) }
        return tickets
    }
}
