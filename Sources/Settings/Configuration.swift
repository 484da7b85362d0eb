package import Alerts

/// What an operator set in the configuration file, checked.
///
/// A plain value; `Configuration()` is what holds without a file. Each section has a table of its keys in
/// `ConfigurationKeys.swift`.
package struct Configuration: Equatable, Sendable {
    /// The section `mongo`.
    package var mongo = Mongo()
    /// The section `tickets`.
    package var tickets = Tickets()
    /// The section `retention`.
    package var retention = Retention()

    /// The section `service`.
    package var service = Service()
    /// The section `http`.
    package var http = HTTP()
    /// The list `alerts`.
    package var alerts: [AlertRule] = []
    /// The section `zones`.
    package var zones: [Zone] = []
    /// The list `webhooks`.
    package var webhooks: [Webhook] = []
    /// The list `sources`.
    package var sources: [Source] = []
    /// Those of the list `sources` that are files.
    package var files: [Files] = []

    /// What holds without a configuration file.
    package init() {}

    /// Which database the programs talk to.
    package struct Mongo: Equatable, Sendable {
        /// The connection string, with credentials; nil where it is not given here.
        ///
        /// Not for messages.
        package var uri: String?
        /// The file that holds the connection string; a relative path was completed with the configuration's folder.
        package var uriFile: String?
        /// The database.
        package var database: String?

        /// No database is named.
        package init() {}
    }

    /// How support tickets are worked on.
    package struct Tickets: Equatable, Sendable {
        /// The name of the agent at this machine.
        package var agent: String?
        /// How soon tickets are to be answered and resolved, by the name of the priority; what is not here has
        /// the built-in targets.
        package var targets: [String: Targets] = [:]
        /// What each agent may do, by name; nil where nobody is restricted.
        package var roles: [String: Role]?
        /// The role of agents that `roles` does not name; nil where the file does not say.
        package var defaultRole: Role?

        /// No targets, no restrictions.
        package init() {}

        /// What an agent may do.
        ///
        /// Everything where the file names no roles; otherwise the agent's role, or the default role, which is to
        /// look only unless the file says more.
        package func role(of agent: String) -> Role {
            if let role = roles?[agent] { return role }
            return defaultRole ?? (roles == nil ? .supervisor : .viewer)
        }
    }

    /// How soon tickets of a priority are to be answered and resolved.
    package struct Targets: Equatable, Sendable {
        /// From creation to the first public answer; longer than zero.
        package var firstResponse: Duration
        /// From creation to resolution; at least `firstResponse`.
        package var resolution: Duration

        /// Takes both targets as they are.
        package init(firstResponse: Duration, resolution: Duration) {
            self.firstResponse = firstResponse
            self.resolution = resolution
        }
    }

    /// What an agent may do; each role may do what the one before may.
    package enum Role: String, CaseIterable, Comparable, Sendable {
        /// Look.
        case viewer
        /// Work on tickets.
        case agent
        /// Everything, such as erasing personal data.
        case supervisor

        package static func < (one: Role, other: Role) -> Bool { one.rank < other.rank }

        private var rank: Int {
            switch self {
            case .viewer: 0
            case .agent: 1
            case .supervisor: 2
            }
        }
    }

    /// Which market data is deleted when.
    package struct Retention: Equatable, Sendable {
        /// The folder that documents are copied to before their events are deleted; a relative path was completed with
        /// the configuration's folder.
        package var archive: String?
        /// The rules in their order: the first that matches decides, and what matches none is kept for ever.
        package var rules: [RetentionRule] = []

        /// Nothing is deleted.
        package init() {}
    }

    /// The kinds of market data.
    package enum MarketDataKind: String, CaseIterable, Sendable {
        case trade
        case quote
        case candle
    }

    /// How long market data of a kind is kept.
    package struct RetentionRule: Equatable, Sendable {
        /// Whose data; nil for all venues.
        package var venue: String?
        /// Which data.
        package var kind: MarketDataKind
        /// How long after the end of its window; nil for ever.
        package var keep: Duration?

        /// Takes all as it is.
        package init(venue: String? = nil, kind: MarketDataKind, keep: Duration?) {
            self.venue = venue
            self.kind = kind
            self.keep = keep
        }
    }

    /// The names of priorities, from the least to the most urgent.
    package static let priorities = ["low", "normal", "high", "urgent"]
}
