import DocumentStore
package import Settings
package import Tickets

extension Database {
    /// The desk of this database.
    ///
    /// - Parameter targets: how soon tickets are to be answered and resolved.
    package func desk(targets: ResponseTargets = .standard) -> TicketDesk {
        TicketDesk(
            TicketDesk.Environment(
                store: store,
                policy: policy,
                retry: environment,
                operationIDs: operationIDs,
                targets: targets,
                salt: {
                    var random = SystemRandomNumberGenerator()
                    return (0..<TicketDesk.saltBytes).map { _ in random.next() }
                }
            )
        )
    }
}

extension ResponseTargets {
    /// The standard targets with those in their place that a configuration gives.
    package init(_ configured: [String: Configuration.Targets]) {
        self = .standard
        for priority in TicketPriority.allCases {
            guard let targets = configured[priority.rawValue] else { continue }
            self[priority] = Target(
                firstResponse: targets.firstResponse.components.seconds,
                resolution: targets.resolution.components.seconds
            )
        }
    }
}
