import BSON
import DocumentStore

extension [DocumentQuery.Condition] {
    /// The conditions as a filter; those of one field are joined.
    var filter: BSONDocument {
        var fields: [(name: String, operators: [(String, BSONValue)])] = []
        for condition in self {
            let (name, key, value) = condition.parts
            if let index = fields.firstIndex(where: { $0.name == name }) {
                fields[index].operators.append((key, value))
            } else {
                fields.append((name, [(key, value)]))
            }
        }
        return BSONDocument { writer in
            for field in fields {
                if field.operators.count == 1, field.operators[0].0 == "$eq" {
                    writer.append(field.name, field.operators[0].1.asEquality)
                } else {
                    writer.append(field.name, .document(BSONDocument(field.operators)))
                }
            }
        }
    }
}

extension DocumentQuery.Condition {
    fileprivate var parts: (field: String, key: String, value: BSONValue) {
        switch self {
        case .equals(let field, let value): (field, "$eq", value)
        case .isIn(let field, let values): (field, "$in", .array(values))
        case .greater(let field, let value): (field, "$gt", value)
        case .greaterOrEqual(let field, let value): (field, "$gte", value)
        case .less(let field, let value): (field, "$lt", value)
        }
    }
}

extension DocumentQuery {
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
        }
    }
}
