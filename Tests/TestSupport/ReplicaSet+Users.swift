import BSON

extension ReplicaSet {
    /// Makes a user with a role in all databases.
    ///
    /// - Parameter password: nil for one who is known by a certificate, whose subject is then the name.
    public func makeUser(_ name: String, password: String?, role: String) async throws {
        var command: [(String, BSONValue)] = [("createUser", .string(name))]
        if let password { command += [("pwd", .string(password)), ("mechanisms", ["SCRAM-SHA-256"])] }
        command.append(("roles", [["role": .string(role), "db": "admin"]]))
        let database = password == nil ? "$external" : "admin"
        try await primary().command(BSONDocument(command), database: database)
    }

    /// Removes a user with a password.
    public func removeUser(_ name: String) async throws {
        try await primary().command(["dropUser": .string(name)])
    }
}
