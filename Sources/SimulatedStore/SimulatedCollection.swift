import BSON
import DocumentStore

/// The documents of one collection in the order of their ids, and the rules that MongoDB has for writing them.
struct SimulatedCollection {
    /// MongoDB stores no larger document.
    static let documentBytesMax = 16 * 1024 * 1024

    private(set) var specification: CollectionSpecification?
    private(set) var documents: [BSONDocument] = []
    private var ids: [BSONValue] = []
    private var uniqueIndexes: [UniqueIndex] = []

    init() {}

    /// An empty collection with a specification.
    init(_ specification: CollectionSpecification) {
        self.specification = specification
        uniqueIndexes = specification.indexes.filter(\.unique).map { UniqueIndex($0) }
    }

    /// Keeps the specification; its unique indexes hold from now on.
    mutating func prepare(_ specification: CollectionSpecification) throws(StoreError) {
        var indexes: [UniqueIndex] = []
        for index in specification.indexes where index.unique {
            var built = UniqueIndex(index)
            for document in documents { built.apply(try built.difference(from: nil, to: document)) }
            indexes.append(built)
        }
        uniqueIndexes = indexes
        self.specification = specification
    }

    /// Makes the change, or answers false where it does not apply to the stored document.
    ///
    /// - Throws: `StoreError` where MongoDB would refuse the change.
    mutating func apply(_ change: VersionedChange) throws(StoreError) -> Bool {
        let (position, found) = locate(change.key.id)
        switch change.action {
        case .create(let fields):
            let document = try Self.created(change, fields)
            guard !found else { return false }
            try index(document, replacing: nil)
            ids.insert(change.key.id, at: position)
            documents.insert(document, at: position)
        case .update(let expected, let update):
            try Self.check(update, change.key)
            guard found, matches(documents[position], change, expected) else { return false }
            let document = try Self.updated(documents[position], update, change)
            try index(document, replacing: documents[position])
            documents[position] = document
        case .delete(let expected):
            guard found, matches(documents[position], change, expected) else { return false }
            try index(nil, replacing: documents[position])
            ids.remove(at: position)
            documents.remove(at: position)
        }
        return true
    }

    /// The documents for which all conditions hold, in the order of their ids.
    func find(_ conditions: [DocumentQuery.Condition]) -> [BSONDocument] {
        var candidates = documents[...]
        for case .equals(DocumentField.id, let id) in conditions {
            let (position, found) = locate(id)
            candidates = found ? documents[position...position] : []
        }
        for case .isIn(DocumentField.id, let ids) in conditions where candidates.count == documents.count {
            // In the order of the ids, each once.
            let places = Set(ids.lazy.map(locate).filter(\.found).map(\.position)).sorted()
            let named = places.map { documents[$0] }
            return named.filter { document in conditions.allSatisfy { $0.holds(for: document) } }
        }
        return candidates.filter { document in conditions.allSatisfy { $0.holds(for: document) } }
    }

    /// Where the document with the id is, or would be.
    private func locate(_ id: BSONValue) -> (position: Int, found: Bool) {
        var low = 0
        var high = ids.count
        while low < high {
            let middle = (low + high) / 2
            switch BSONOrder.compare(ids[middle], id) {
            case .equal: return (middle, true)
            case .less: low = middle + 1
            case .greater: high = middle
            }
        }
        return (low, false)
    }

    private func matches(_ document: BSONDocument, _ change: VersionedChange, _ version: Int64) -> Bool {
        if let epoch = change.epoch, let later = document[DocumentField.epoch]?.integer, later > epoch { return false }
        if let shardKey = change.key.shardKey {
            guard BSONOrder.compare(document[shardKey.field] ?? .null, shardKey.value) == .equal else { return false }
        }
        return BSONOrder.compare(document[DocumentField.version] ?? .null, .int64(version)) == .equal
    }

    private mutating func index(_ document: BSONDocument?, replacing old: BSONDocument?) throws(StoreError) {
        var differences: [UniqueIndex.Difference] = []
        for index in uniqueIndexes { differences.append(try index.difference(from: old, to: document)) }
        for (index, difference) in differences.enumerated() { uniqueIndexes[index].apply(difference) }
    }
}

extension SimulatedCollection {
    private static func created(_ change: VersionedChange, _ fields: BSONDocument) throws(StoreError) -> BSONDocument {
        let reserved = Self.reservedFields(change.key)
        if let field = fields.fields.first(where: { reserved.contains($0.key) }) {
            throw StoreError(.refused, "the field '\(field.key)' is set by the store")
        }
        let document = BSONDocument { writer in
            writer.append(DocumentField.id, change.key.id)
            if let shardKey = change.key.shardKey { writer.append(shardKey.field, shardKey.value) }
            writer.append(DocumentField.version, .int64(change.resultingVersion))
            writer.append(DocumentField.lastOperationID, .objectID(change.operationID))
            if let epoch = change.epoch { writer.append(DocumentField.epoch, .int64(epoch)) }
            for (key, value) in fields.fields { writer.append(key, value) }
        }
        return try checkingSize(document)
    }

    /// MongoDB applies the operators of an update in the order of field names, whatever their order in the request.
    private static func updated(
        _ document: BSONDocument,
        _ update: DocumentUpdate,
        _ change: VersionedChange
    ) throws(StoreError) -> BSONDocument {
        var fields = document.fields
        var replacements = update.set
        replacements.append((DocumentField.version, .int64(change.resultingVersion)))
        replacements.append((DocumentField.lastOperationID, .objectID(change.operationID)))
        if let epoch = change.epoch { replacements.append((DocumentField.epoch, .int64(epoch))) }
        for push in update.push {
            let current = document[push.field] ?? .array([])
            guard let array = current.array else {
                throw StoreError(.refused, "the field '\(push.field)' is not an array that values can be pushed to")
            }
            replacements.append((push.field, .array(array + push.values)))
        }
        replacements.sort { Array($0.field.utf8).lexicographicallyPrecedes($1.field.utf8) }
        for (field, value) in replacements {
            if let index = fields.firstIndex(where: { $0.key == field }) {
                fields[index].value = value
            } else {
                fields.append((field, value))
            }
        }
        fields.removeAll { update.unset.contains($0.key) }
        return try checkingSize(BSONDocument(fields.map { ($0.key, $0.value) }))
    }

    /// Refuses what MongoDB refuses whatever the document: two operators on one field, and changes of its key.
    private static func check(_ update: DocumentUpdate, _ key: DocumentKey) throws(StoreError) {
        var seen = reservedFields(key)
        for field in update.set.map(\.field) + update.push.map(\.field) + update.unset {
            precondition(!field.contains("."), "a simulated store changes top-level fields only")
            guard seen.insert(field).inserted else {
                throw StoreError(.refused, "the field '\(field)' is changed twice, or is set by the store")
            }
        }
    }

    private static func reservedFields(_ key: DocumentKey) -> Set<String> {
        var reserved: Set<String> = [DocumentField.id, DocumentField.version, DocumentField.lastOperationID]
        if let shardKey = key.shardKey { reserved.insert(shardKey.field) }
        return reserved
    }

    private static func checkingSize(_ document: BSONDocument) throws(StoreError) -> BSONDocument {
        guard document.bytes.count <= documentBytesMax else {
            throw StoreError(.tooLarge, "a document of \(document.bytes.count) bytes is larger than MongoDB stores")
        }
        return document
    }
}
