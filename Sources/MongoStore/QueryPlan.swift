public import BSON
public import DocumentStore
import MongoRuntime

/// How MongoDB would execute a query.
public struct QueryPlan: Equatable, Sendable {
    /// The names of all stages of the winning plan, the last one to run first.
    public private(set) var stages: [String] = []
    /// The indexes that it reads, in the same order.
    public private(set) var indexNames: [String] = []

    /// Takes the server's answer to an `explain` of any verbosity.
    public init(explained: BSONDocument) {
        if let plan = explained["queryPlanner"]?.document?["winningPlan"]?.document { add(plan) }
    }

    /// Whether it reads a whole collection.
    public var scansCollection: Bool { stages.contains("COLLSCAN") }

    /// Whether it reads all that matches and sorts it before it answers, instead of reading in the order of an index.
    public var sortsInMemory: Bool { stages.contains("SORT") }

    private mutating func add(_ stage: BSONDocument) {
        if let name = stage["stage"]?.string { stages.append(name) }
        if let name = stage["indexName"]?.string { indexNames.append(name) }
        for field in ["winningPlan", "queryPlan", "inputStage", "thenStage", "elseStage", "outerStage", "innerStage"] {
            if let input = stage[field]?.document { add(input) }
        }
        for field in ["inputStages", "shards"] {
            for case .document(let input) in stage[field]?.array ?? [] { add(input) }
        }
    }
}

extension MongoDocumentStore {
    /// The server's explanation of how it would execute a query, of verbosity "queryPlanner".
    ///
    /// For tests; `QueryPlan` reads it.
    public func explain(_ query: DocumentQuery) async throws(StoreError) -> BSONDocument {
        let database = self.database
        let options = query.findOptions(maxTimeMS: pool.configuration.limits.readTimeMsMax)
        let find = BSONDocument { writer in
            writer.append("find", .string(query.collection))
            writer.append("filter", .document(query.conditions.filter))
            for (key, value) in options.fields { writer.append(key, value) }
        }
        return try await perform { connection throws(MongoError) in
            try connection.command(["explain": .document(find), "verbosity": "queryPlanner"], database: database)
        }
    }
}
