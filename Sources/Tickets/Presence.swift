import BSON
public import DocumentStore

/// Somebody who has a ticket open.
public struct Presence: Equatable, Sendable {
    public enum Activity: String, Sendable {
        case looking
        case editing

        /// How long the mark stays where nobody takes it away, in milliseconds.
        var lifetime: Int64 { self == .looking ? 2 * 60_000 : 15 * 60_000 }
    }

    public let ticket: String
    public let agent: String
    public let activity: Activity
}

/// A mark that its agent left, to be taken away.
public struct PresenceMark: Sendable {
    fileprivate let key: DocumentKey
}

// A mark is a hint for people, never a lock: it is written once, and goes by itself.
extension TicketDesk {
    private typealias Field = PresenceCollection.Field

    /// Leaves a mark; nil where that was not possible, which hinders nobody.
    public func mark(_ activity: Presence.Activity, _ ticket: String, by agent: String) async -> PresenceMark? {
        guard let now = try? await environment.clock.now() else { return nil }
        let id = environment.operationIDs.make()
        let key = DocumentKey(
            collection: PresenceCollection.name,
            id: .objectID(id),
            shardKey: DocumentKey.ShardKey(field: Field.ticket, value: .string(ticket))
        )
        let fields: BSONDocument = [
            DocumentField.schemaVersion: .int64(PresenceCollection.schemaVersion),
            Field.agent: .string(agent),
            Field.activity: .string(activity.rawValue),
            Field.expiresAt: .datetime(now + activity.lifetime),
        ]
        let change = VersionedChange(key: key, action: .create(fields), operationID: id)
        guard case .applied = await environment.store.attempt(change) else { return nil }
        return PresenceMark(key: key)
    }

    /// Takes a mark away before its time.
    public func clear(_ mark: PresenceMark?) async {
        guard let mark else { return }
        let change = VersionedChange(
            key: mark.key,
            action: .delete(expectedVersion: 1),
            operationID: environment.operationIDs.make()
        )
        _ = await environment.store.attempt(change)
    }

    /// Who has which tickets open now, each agent once per ticket, those who edit first.
    ///
    /// - Parameter tickets: nil for all.
    /// - Throws: `StoreError`.
    public func presences(of tickets: [String]? = nil) async throws(StoreError) -> [Presence] {
        let now = try await environment.clock.now()
        var conditions: [DocumentQuery.Condition] = [.greater(Field.expiresAt, .datetime(now))]
        if let tickets { conditions.append(.isIn(Field.ticket, tickets.map { .string($0) })) }
        let query = DocumentQuery(PresenceCollection.name, where: conditions, limit: Self.presencesMax)
        var found: [Presence] = []
        for document in try await environment.store.find(query) {
            guard let ticket = document[Field.ticket]?.string, let agent = document[Field.agent]?.string,
                let activity = document[Field.activity]?.string.flatMap(Presence.Activity.init(rawValue:))
            else { continue }
            let presence = Presence(ticket: ticket, agent: agent, activity: activity)
            if let index = found.firstIndex(where: { $0.ticket == ticket && $0.agent == agent }) {
                if activity == .editing { found[index] = presence }
            } else {
                found.append(presence)
            }
        }
        return found.sorted {
            ($0.ticket, $0.activity.rawValue, $0.agent) < ($1.ticket, $1.activity.rawValue, $1.agent)
        }
    }

    /// More marks than agents leave within a few minutes.
    private static let presencesMax = 10_000
}
