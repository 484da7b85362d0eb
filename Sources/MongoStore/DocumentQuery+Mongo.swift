import BSON
import DocumentStore

extension [DocumentQuery.Condition] {
    /// The conditions as a filter; those of one field are joined as far as they are of different kinds.
    var filter: BSONDocument {
        var clauses: [Clause] = []
        for condition in self {
            let clause = condition.clause
            if let index = clauses.firstIndex(where: { $0.canTake(clause) }) {
                clauses[index].operators += clause.operators
            } else {
                clauses.append(clause)
            }
        }
        let fields = clauses.map { ($0.field, $0.value) }
        guard Set(fields.map(\.0)).count < fields.count else { return BSONDocument(fields) }
        return ["$and": .array(fields.map { .document(BSONDocument([$0])) })]
    }
}

/// One field of a filter.
private struct Clause {
    let field: String
    /// What must hold for the field; empty for a whole `value`.
    var operators: [(key: String, value: BSONValue)] = []
    var wholeValue = BSONValue.null

    func canTake(_ other: Clause) -> Bool {
        field == other.field && !operators.isEmpty && !other.operators.isEmpty
            && !operators.contains { $0.key == other.operators[0].key }
    }

    var value: BSONValue {
        if operators.isEmpty { return wholeValue }
        if operators.count == 1, operators[0].key == "$eq" { return operators[0].value.asEquality }
        return .document(BSONDocument(operators.map { ($0.key, $0.value) }))
    }
}

extension DocumentQuery.Condition {
    fileprivate var clause: Clause {
        switch self {
        case .equals(let field, let value): Clause(field: field, operators: [("$eq", value)])
        case .isNotNull(let field): Clause(field: field, operators: [("$ne", .null)])
        case .isIn(let field, let values): Clause(field: field, operators: [("$in", .array(values))])
        case .greater(let field, let value): Clause(field: field, operators: [("$gt", value)])
        case .greaterOrEqual(let field, let value): Clause(field: field, operators: [("$gte", value)])
        case .less(let field, let value): Clause(field: field, operators: [("$lt", value)])
        case .lessOrEqual(let field, let value): Clause(field: field, operators: [("$lte", value)])
        case .startsWith(let field, let prefix):
            Clause(field: field, operators: [("$regex", .string(Self.pattern(prefix)))])
        case .anyOf([]):
            // MongoDB wants at least one alternative.
            Clause(field: "$nor", wholeValue: [[:]])
        case .anyOf(let alternatives):
            Clause(field: "$or", wholeValue: .array(alternatives.map { .document($0.filter) }))
        }
    }

    /// The regular expression for "begins with".
    ///
    /// Unlike two bounds, it means one and the same element of an array; the server still takes bounds for an index
    /// from it.
    private static func pattern(_ prefix: String) -> String {
        var pattern = "^"
        for scalar in prefix.unicodeScalars {
            if scalar == "\0" {
                pattern += "\\x00"
            } else {
                let isPlain = !scalar.isASCII || scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
                pattern += isPlain ? "\(scalar)" : "\\\(scalar)"
            }
        }
        return pattern
    }
}

extension DocumentQuery {
    /// Options of a find beside its filter, in the names that the command has for them as well.
    func findOptions(maxTimeMS: Int64) -> BSONDocument {
        BSONDocument { writer in
            writer.append("limit", .int64(Int64(limit)))
            // One answer where it fits into 16 MB, instead of 101 documents first and the rest later.
            writer.append("batchSize", .int64(Int64(limit) + 1))
            writer.append("maxTimeMS", .int64(maxTimeMS))
            if !order.isEmpty {
                writer.appendDocument("sort") { writer in
                    for term in order {
                        writer.append(term.field, .int32(term.ascending ? 1 : -1))
                    }
                }
            }
            if isSnapshot {
                writer.append("readConcern", ["level": "snapshot"])
            }
            if let projection {
                writer.append("projection", .document(projection))
            }
        }
    }

    /// `_id` comes along with chosen fields, as MongoDB does it.
    private var projection: BSONDocument? {
        switch fields {
        case .all: nil
        case .excluding(let names): BSONDocument(names.map { ($0, .int32(0)) })
        case .only(let names): BSONDocument((names.contains("_id") ? names : ["_id"] + names).map { ($0, .int32(1)) })
        case .tail(let array, let count, let names):
            Self.projection(excluding: names, array, slice: .int32(Int32(clamping: -count)))
        case .slice(let array, let skip, let count, let names):
            Self.projection(
                excluding: names,
                array,
                slice: [.int32(Int32(clamping: skip)), .int32(Int32(clamping: count))]
            )
        }
    }

    private static func projection(excluding names: [String], _ array: String, slice: BSONValue) -> BSONDocument {
        BSONDocument { writer in
            for name in names { writer.append(name, .int32(0)) }
            writer.append(array, ["$slice": slice])
        }
    }
}
