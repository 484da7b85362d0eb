import Console
import DocumentStore
import JSONOutput
import Leases

/// Who takes which source, and which daemons there are to take them.
struct LeaseTable {
    private let leases: [Lease]
    private let instances: [Instance]
    /// By the clock of the server, in milliseconds since 1970.
    private let time: Int64

    /// Reads leases and instances; both are empty where no sources are shared.
    ///
    /// - Throws: `StoreError`.
    static func load(_ database: Database) async throws -> LeaseTable {
        let store = LeaseStore(writer: database.writer, operationIDs: database.operationIDs)
        return LeaseTable(
            leases: try await store.allLeases().values.sorted { $0.source < $1.source },
            instances: try await store.instances().sorted { $0.name < $1.name },
            time: try await database.writer.serverTime()
        )
    }

    private init(leases: [Lease], instances: [Instance], time: Int64) {
        self.leases = leases
        self.instances = instances
        self.time = time
    }

    private enum State: String {
        case held
        case released
        case expired
    }

    private func state(_ lease: Lease) -> State {
        if lease.isReleased { return .released }
        return lease.expiresAt > time ? .held : .expired
    }

    var leasesJSON: JSONText {
        .array(
            leases.map { lease in
                .object([
                    ("source", .string(lease.source)), ("owner", .string(lease.owner)),
                    ("epoch", .integer(Int(lease.epoch))), ("state", .string(state(lease).rawValue)),
                    ("since", .integer(Int(lease.term.since))), ("expires_at", .integer(Int(lease.expiresAt))),
                ])
            }
        )
    }

    var instancesJSON: JSONText {
        .array(
            instances.map { instance in
                .object([
                    ("instance", .string(instance.name)), ("alive", .bool(instance.expiresAt > time)),
                    ("started_at", .integer(Int(instance.startedAt))),
                    ("sources", .array(instance.sources.sorted().map { .string($0) })),
                ])
            }
        )
    }

    /// For people; nothing where no sources are shared.
    var lines: [String] {
        guard !leases.isEmpty || !instances.isEmpty else { return [] }
        return ["", "leases"]
            + leases.map { lease in
                "  \(lease.source.padded(to: 40))  \(lease.owner), epoch \(lease.epoch), \(state(lease).rawValue)"
            } + ["", "instances"]
            + instances.map { instance in
                let share = leases.count { $0.owner == instance.name && state($0) == .held }
                let condition = instance.expiresAt > time ? "alive, has \(share) sources" : "does not answer"
                return "  \(instance.name.padded(to: 40))  \(condition)"
            }
    }
}
