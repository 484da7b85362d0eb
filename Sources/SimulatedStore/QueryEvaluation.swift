import BSON
import DocumentStore

extension DocumentQuery.Condition {
    var field: String {
        switch self {
        case .equals(let field, _), .isIn(let field, _), .greater(let field, _), .greaterOrEqual(let field, _),
            .less(let field, _):
            field
        }
    }

    /// Whether the condition holds, as MongoDB sees it: a missing field is null, an array is any of its elements,
    /// and values of different types are neither less nor greater.
    func holds(for document: BSONDocument) -> Bool {
        precondition(!field.contains("."), "a simulated store looks at top-level fields only")
        let value = document[field] ?? .null
        return holds(for: value) || (value.array ?? []).contains { holds(for: $0) }
    }

    private func holds(for value: BSONValue) -> Bool {
        switch self {
        case .equals(_, let wanted): BSONOrder.compare(value, wanted) == .equal
        case .isIn(_, let wanted): wanted.contains { BSONOrder.compare(value, $0) == .equal }
        case .greater(_, let bound):
            BSONOrder.areComparable(value, bound) && BSONOrder.compare(value, bound) == .greater
        case .greaterOrEqual(_, let bound):
            BSONOrder.areComparable(value, bound) && BSONOrder.compare(value, bound) != .less
        case .less(_, let bound):
            BSONOrder.areComparable(value, bound) && BSONOrder.compare(value, bound) == .less
        }
    }
}

extension DocumentQuery {
    /// The documents in the query's order; equal ones stay in the order they had.
    func sort(_ documents: [BSONDocument]) -> [BSONDocument] {
        guard !order.isEmpty else { return documents }
        let keyed = documents.enumerated().map { offset, document in
            (offset: offset, document: document, values: order.map { document[$0.field] ?? .null })
        }
        let sorted = keyed.sorted { left, right in
            for (index, order) in order.enumerated() {
                switch BSONOrder.compare(left.values[index], right.values[index]) {
                case .less: return order.ascending
                case .greater: return !order.ascending
                case .equal: continue
                }
            }
            return left.offset < right.offset
        }
        return sorted.map(\.document)
    }

    /// The document with the fields that the query asks for; `_id` is one of them unless it is excluded by name.
    func project(_ document: BSONDocument) -> BSONDocument {
        switch fields {
        case .all: document
        case .excluding(let names): document.filtering { !names.contains($0) }
        case .only(let names): document.filtering { $0 == DocumentField.id || names.contains($0) }
        }
    }
}

extension BSONDocument {
    func filtering(_ isIncluded: (String) -> Bool) -> BSONDocument {
        BSONDocument(fields.filter { isIncluded($0.key) }.map { ($0.key, $0.value) })
    }
}
