public import BSON

/// A large result, read page by page in the order of one field, so that memory holds one page at a time.
///
/// Each page continues behind the last document of the one before, by the value of the order's field and then by
/// `_id`: nothing is held open between pages, however long that takes. A document that is there from the first page
/// to the last and keeps its place in the order comes exactly once; one that moves meanwhile may be missed or come
/// twice.
///
/// Pages are cheap at any depth with an index of the fields that the conditions compare for equality, then the
/// order's field, then `_id`.
public struct DocumentPages: Sendable {
    private let reader: VersionedWriter
    private let query: DocumentQuery
    private let pageSize: Int
    private let idTerm: DocumentQuery.Order
    /// The field of the order; nil where `_id` alone orders.
    private let field: DocumentQuery.Order?
    private var documentsLeft: Int
    /// What is still to be read, one list of additional conditions after the other.
    private var segments: [[DocumentQuery.Condition]] = [[]]

    /// - Parameters:
    ///   - query: its order is empty, or one field, or one field and `_id`; `_id` is added in the direction of the
    ///     field where it is missing. The field holds values of one type, null, or nothing, but no arrays. The limit
    ///     is that of all pages together.
    ///   - pageSize: the most documents of one page.
    /// - Precondition: The query does not exclude its order's field or `_id`; they are added to fields that are chosen.
    public init(reader: VersionedWriter, query: DocumentQuery, pageSize: Int) {
        precondition(pageSize > 0, "a page has documents")
        let first = query.order.first
        let isByID = first?.field == DocumentField.id
        let ascending = first?.ascending ?? true
        idTerm = query.order.first { $0.field == DocumentField.id } ?? .init(DocumentField.id, ascending: ascending)
        field = isByID ? nil : first
        let order = [field, idTerm].compactMap(\.self)
        precondition(
            query.order.elementsEqual(order.prefix(query.order.count)),
            "pages have one field and _id as order"
        )
        self.reader = reader
        self.query = query.ordered(by: order)
        self.pageSize = pageSize
        documentsLeft = query.limit
    }

    /// The next documents; none at the end.
    ///
    /// - Throws: `StoreError`; the same page may then be asked for again.
    public mutating func next() async throws(StoreError) -> [BSONDocument] {
        let count = min(pageSize, documentsLeft)
        var page: [BSONDocument] = []
        var segments = self.segments
        while page.count < count, let conditions = segments.first {
            var part = query
            part.conditions += conditions
            part.limit = count - page.count
            let found = try await reader.find(part)
            page += found
            if found.count < part.limit { segments.removeFirst() }
        }
        if page.count == count, let last = page.last { segments = try self.segments(behind: last) }
        self.segments = segments
        documentsLeft -= page.count
        return page
    }

    /// What comes behind a document, in parts that are each one range of an index.
    ///
    /// One condition for all of it would be a disjunction, for which MongoDB may read from the start of the result.
    private func segments(
        behind document: BSONDocument
    ) throws(StoreError) -> [[DocumentQuery.Condition]] {
        guard let id = document[DocumentField.id] else {
            throw StoreError(.unreadable, "a document of '\(query.collection)' came without its _id")
        }
        let idIsBeyond = idTerm.beyond(id)
        guard let field else { return [[idIsBeyond]] }
        let value = document[field.field] ?? .null
        if case .array = value {
            throw StoreError(
                .refused,
                "'\(field.field)' in '\(query.collection)' holds an array, which orders no pages"
            )
        }
        let ties: [DocumentQuery.Condition] = [.equals(field.field, value), idIsBeyond]
        // Null and nothing come before all values, and are neither less nor greater than any.
        switch (value == .null, field.ascending) {
        case (true, true): return [ties, [.isNotNull(field.field)]]
        case (true, false): return [ties]
        case (false, true): return [ties, [field.beyond(value)]]
        case (false, false): return [ties, [field.beyond(value)], [.equals(field.field, .null)]]
        }
    }
}

extension DocumentQuery.Order {
    fileprivate func beyond(_ value: BSONValue) -> DocumentQuery.Condition {
        ascending ? .greater(field, value) : .less(field, value)
    }
}

extension DocumentQuery {
    /// The query in another order, with the fields of the order among those that come along.
    fileprivate func ordered(by order: [Order]) -> DocumentQuery {
        var query = self
        query.order = order
        let names = order.map(\.field)
        switch fields {
        case .all: break
        case .only(let chosen): query.fields = .only(chosen + names.filter { !chosen.contains($0) })
        case .excluding(let excluded), .tail(_, _, let excluded), .slice(_, _, _, let excluded):
            precondition(!names.contains { excluded.contains($0) }, "pages continue behind the values of their order")
        }
        return query
    }
}
