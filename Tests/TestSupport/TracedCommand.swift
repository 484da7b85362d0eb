/// The shape of a command that a program under test sent, as its trace tells it (`TAPEDESK_COMMAND_TRACE`).
public struct TracedCommand: Decodable, Hashable, Sendable, CustomStringConvertible {
    public let command: String
    public let collection: String
    /// The operators by field.
    public let filter: [String: Set<String>]

    /// Takes all as it is.
    public init(_ command: String, _ collection: String, _ filter: [String: Set<String>]) {
        self.command = command
        self.collection = collection
        self.filter = filter
    }

    /// Where a router sends a command.
    public enum Target: Equatable, Sendable {
        /// To the shards that have the documents, or may have them.
        case targeted
        /// To every shard that the collection is on.
        case broadcast
    }

    /// Where a router sends it.
    ///
    /// - Parameter shardKeys: the field by which each sharded collection is placed; others are on one shard.
    public func target(shardKeys: [String: String]) -> Target {
        guard let key = shardKeys[collection] else { return .targeted }
        let operators = filter[key] ?? []
        return operators.contains("=") || operators.contains("$in") ? .targeted : .broadcast
    }

    public var description: String {
        let fields = filter.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.sorted().joined(separator: " "))" }
        return "\(command) \(collection) { \(fields.joined(separator: ", ")) }"
    }
}
