import BSON
import DocumentStore

extension DocumentQuery.Condition {
    /// Whether the condition holds, as MongoDB sees it: a missing field is null, an array is any of its elements,
    /// and values of different types are neither less nor greater.
    func holds(for document: BSONDocument) -> Bool {
        switch self {
        case .anyOf(let alternatives):
            alternatives.contains { $0.allSatisfy { $0.holds(for: document) } }
        case .isNotNull(let field):
            !Self.equals(field, .null).holds(for: document)
        case .equals(let field, let wanted):
            Self.anyValue(of: field, in: document) { BSONOrder.areEqual($0, wanted) }
        case .isIn(let field, let wanted):
            Self.anyValue(of: field, in: document) { value in
                wanted.contains { BSONOrder.areEqual(value, $0) }
            }
        case .greater(let field, let bound):
            Self.anyValue(of: field, in: document, comparableTo: bound) { $0 == .greater }
        case .greaterOrEqual(let field, let bound):
            Self.anyValue(of: field, in: document, comparableTo: bound) { $0 != .less }
        case .less(let field, let bound):
            Self.anyValue(of: field, in: document, comparableTo: bound) { $0 == .less }
        case .lessOrEqual(let field, let bound):
            Self.anyValue(of: field, in: document, comparableTo: bound) { $0 != .greater }
        case .startsWith(let field, let prefix):
            // By bytes: in Swift, characters that are written differently may be equal.
            Self.anyValue(of: field, in: document) { $0.string?.utf8.starts(with: prefix.utf8) ?? false }
        }
    }

    private static func anyValue(
        of field: String,
        in document: BSONDocument,
        comparableTo bound: BSONValue,
        _ holds: (BSONOrder.Comparison) -> Bool
    ) -> Bool {
        anyValue(of: field, in: document) {
            BSONOrder.areComparable($0, bound) && holds(BSONOrder.compare($0, bound))
        }
    }

    private static func anyValue(of field: String, in document: BSONDocument, _ holds: (BSONValue) -> Bool) -> Bool {
        precondition(!field.contains("."), "a simulated store looks at top-level fields only")
        let value = document[field] ?? .null
        return holds(value) || (value.array ?? []).contains(where: holds)
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
        case .tail(let array, let count, let names):
            Self.cut(array, of: document.filtering { !names.contains($0) }) { $0.suffix(count) }
        case .slice(let array, let skip, let count, let names):
            Self.cut(array, of: document.filtering { !names.contains($0) }) { $0.dropFirst(skip).prefix(count) }
        }
    }

    private static func cut(
        _ field: String,
        of document: BSONDocument,
        _ part: ([BSONValue]) -> ArraySlice<BSONValue>
    ) -> BSONDocument {
        guard let array = document[field]?.array else { return document }
        return document.setting(field, .array(Array(part(array))))
    }
}

extension BSONDocument {
    func filtering(_ isIncluded: (String) -> Bool) -> BSONDocument {
        BSONDocument(fields.filter { isIncluded($0.key) }.map { ($0.key, $0.value) })
    }
}
