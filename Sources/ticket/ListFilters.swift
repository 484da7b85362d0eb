import ArgumentParser
import Settings
import Tickets

/// Which tickets a command is about.
struct ListFilters: ParsableArguments {
    @Option(
        help: ArgumentHelp("With this status. Repeatable, or separated by commas.", valueName: "status")
    )
    var status: [Choices<TicketStatus>] = []

    @Option(help: ArgumentHelp("With this priority. Repeatable, or separated by commas.", valueName: "priority"))
    var priority: [Choices<TicketPriority>] = []

    @Option(help: ArgumentHelp("That this agent has. Repeatable.", valueName: "agent")) var assignee: [String] = []
    @Option(help: ArgumentHelp("Of this group. Repeatable.", valueName: "group")) var group: [String] = []
    @Option(help: ArgumentHelp("With this tag. Repeatable: with all of them.", valueName: "tag")) var tag: [String] = []
    @Option(help: ArgumentHelp("Of this requester.", valueName: "email")) var requester: String?

    @Option(help: ArgumentHelp("With these words in subject, description or comments; word* begins one."))
    var text: [String] = []

    @Option(
        help: ArgumentHelp("Created longer ago, such as 3d.", valueName: "duration"),
        transform: Age.init(parsing:)
    )
    var olderThan: Age?

    @Option(
        help: ArgumentHelp("Created since then, such as 2h.", valueName: "duration"),
        transform: Age.init(parsing:)
    )
    var newerThan: Age?

    @Flag(help: "With something that is owed to the requester and late.") var overdue = false
    @Flag(help: "That you have.") var mine = false
    @Flag(help: "That nobody has.") var unassigned = false
    @Flag(help: "Neither resolved nor closed.") var unresolved = false

    func validate() throws {
        if unassigned, mine || !assignee.isEmpty {
            throw ValidationError("--unassigned excludes --mine and --assignee")
        }
        if mine, !assignee.isEmpty { throw ValidationError("--mine and --assignee exclude each other") }
        if unresolved, status.flatMap(\.values).contains(where: \.isSettled) {
            throw ValidationError("--unresolved excludes --status resolved and closed")
        }
    }

    /// The query for these tickets.
    ///
    /// - Parameters:
    ///   - agent: the name of the agent, for `--mine`.
    ///   - now: by the server's clock, in milliseconds since 1970.
    /// - Throws: `UsageError`, and what `agent` throws.
    func query(limit: Int, now: Int64, agent: () throws -> String) throws -> TicketQuery {
        var query = TicketQuery(limit: limit)
        query.statuses = status.flatMap(\.values)
        if unresolved, query.statuses.isEmpty { query.statuses = TicketStatus.allCases.filter { !$0.isSettled } }
        query.priorities = priority.flatMap(\.values)
        query.assignees = mine ? [try agent()] : assignee
        query.isUnassigned = unassigned
        query.groups = group
        query.tags = tag
        query.requester = requester
        for words in text { try add(words, to: &query) }
        query.createdBefore = olderThan.map { now - $0.milliseconds }
        query.createdFrom = newerThan.map { now - $0.milliseconds }
        if overdue { query.dueBefore = now }
        return query
    }

    private func add(_ words: String, to query: inout TicketQuery) throws {
        let countBefore = query.words.count + query.prefixes.count
        query.search(words)
        guard query.words.count + query.prefixes.count > countBefore else {
            throw UsageError("there is no word to look for in the search text")
        }
    }
}

/// One or more of the values of a field, separated by commas.
struct Choices<Value: RawRepresentable & CaseIterable & Sendable>: ExpressibleByArgument, Sendable
where Value.RawValue == String {
    let values: [Value]

    init?(argument: String) {
        var values: [Value] = []
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            guard let value = Value(rawValue: String(part)) else { return nil }
            values.append(value)
        }
        self.values = values
    }

    static var allValueStrings: [String] { Value.allCases.map(\.rawValue) }
}

/// How old a ticket is, as people write it.
struct Age: Sendable {
    let milliseconds: Int64

    init(parsing text: String) throws {
        do throws(DurationText.Fault) {
            milliseconds = try DurationText.parse(text).components.seconds * 1_000
        } catch {
            throw ValidationError("\(error)")
        }
    }
}

/// In which order a list is.
struct ListOrder: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "created and updated: newest first; priority: highest first; due: soonest first, those that have a time.",
            valueName: "order"
        )
    )
    var sort = TicketQuery.Order.created

    @Flag(help: "The other way round.") var reverse = false

    /// Puts a query in this order.
    func apply(to query: inout TicketQuery) {
        query.order = sort
        query.isAscending = (sort == .due) != reverse
        if sort == .due, query.dueBefore == nil { query.dueBefore = .max }
    }
}
