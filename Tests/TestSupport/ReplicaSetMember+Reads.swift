import BSON

extension ReplicaSetMember {
    /// How many queries of a collection this member has answered.
    public func readCount(of namespace: String) async throws -> Int64 {
        let totals = try await command(["top": 1])["totals"]?.document
        return totals?[namespace]?.document?["queries"]?.document?["count"]?.integer ?? 0
    }

    /// Whether a query of a collection is under way here.
    public func isAsked(for collection: String, in database: String) async throws -> Bool {
        // While it waits to catch up, a query has no namespace yet.
        let operations = try await command([
            "currentOp": 1, "command.find": .string(collection), "command.$db": .string(database),
        ])
        return operations["inprog"]?.array?.isEmpty == false
    }
}
