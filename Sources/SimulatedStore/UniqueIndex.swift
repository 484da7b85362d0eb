import BSON
import DocumentStore

/// The keys that the documents of a collection have in one unique index, as MongoDB makes them.
struct UniqueIndex {
    struct Difference {
        fileprivate let removed: Set<BSONDocument>
        fileprivate let added: Set<BSONDocument>
    }

    private let name: String
    private let fields: [String]
    private let presentOnly: Bool
    private var keys: Set<BSONDocument> = []

    init(_ index: CollectionSpecification.Index) {
        name = index.name
        fields = index.fields
        presentOnly = index.presentOnly
    }

    /// What changes when `old` becomes `new`; nil has no keys.
    ///
    /// - Throws: `StoreError` of code `duplicateKey` where another document has one of the keys.
    func difference(from old: BSONDocument?, to new: BSONDocument?) throws(StoreError) -> Difference {
        let removed = try old.map(keys) ?? []
        let added = try new.map(keys) ?? []
        guard !added.contains(where: { self.keys.contains($0) && !removed.contains($0) }) else {
            throw .duplicateKey(inIndex: name)
        }
        return Difference(removed: removed, added: added)
    }

    mutating func apply(_ difference: Difference) {
        keys.subtract(difference.removed)
        keys.formUnion(difference.added)
    }

    /// One key, or one for each different element of the array that one of the fields may hold.
    private func keys(of document: BSONDocument) throws(StoreError) -> Set<BSONDocument> {
        if presentOnly, let last = fields.last, document[last] == nil { return [] }
        var keys: [[(String, BSONValue)]] = [[]]
        var hasArray = false
        for field in fields {
            let value = document[field] ?? .null
            var values = [value]
            if let elements = value.array {
                guard !hasArray else {
                    throw StoreError(.refused, "a document has arrays in two fields of the index '\(name)'")
                }
                hasArray = true
                // No elements make one key as well, which is that of nothing else, least of all of null.
                values = elements.isEmpty ? [.minKey] : elements
            }
            keys = keys.flatMap { key in values.map { key + [(field, BSONOrder.canonical($0))] } }
        }
        return Set(keys.map { BSONDocument($0) })
    }
}
