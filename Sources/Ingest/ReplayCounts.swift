/// Counts over everything of a source that was looked at so far, in this run and in those before it.
package struct ReplayCounts: Equatable, Sendable {
    package var records = 0
    /// Events by the name of their kind, whatever became of them.
    package var events: [String: Int] = [:]
    /// Tickets of the source that are stored, whichever tape made them; in a dry run, those that the records make.
    package var tickets = 0
    package var ignored: [String: Int] = [:]
    /// Stored events by flag; an event may have several.
    package var flagged: [String: Int] = [:]
    package var rejected: [String: Int] = [:]
    /// Rejected records that are counted among the events, because their kind is known.
    package var rejectedEvents = 0
    package var lastEventTime = Int64.min

    package init() {}

    package var eventTotal: Int { events.values.reduce(0, +) }
}
