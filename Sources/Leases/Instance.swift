import DocumentStore

/// A daemon that shares sources with others.
package struct Instance: Equatable, Sendable {
    /// Unique among the daemons of a database.
    package let name: String
    /// What tells apart two daemons that were given the same name: the same after every start on the same machine.
    package let identity: String
    /// Milliseconds since 1970, by the clock of the server.
    package let startedAt: Int64
    /// Until when it counts as alive, in the same measure.
    package let expiresAt: Int64
    /// The sources of its configuration.
    package let sources: Set<String>
    /// Of the document.
    package let version: Int64

    /// Whether it counts as alive at a time of the server.
    package func isAlive(at time: Int64, _ timing: LeaseTiming) -> Bool {
        time < expiresAt + timing.margin.milliseconds
    }
}
