import BSON

extension ReplicaSetMember {
    /// How many queries of a collection this member has answered.
    public func readCount(of namespace: String) async throws -> Int64 {
        let totals = try await command(["top": 1])["totals"]?.document
        return totals?[namespace]?.document?["queries"]?.document?["count"]?.integer ?? 0
    }

    /// Whether a query of a collection is under way here.
    public func isAsked(for namespace: String) async throws -> Bool {
        let operations = try await command(["currentOp": 1, "ns": .string(namespace), "active": true])
        return operations["inprog"]?.array?.isEmpty == false
    }
}
