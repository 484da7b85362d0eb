import ArgumentParser
import Console
import DocumentStore
import MongoStore
import Settings
import Tickets

/// What every command takes: the database, the agent, the kind of output.
struct DeskOptions: ParsableArguments {
    @OptionGroup(title: "Database") var mongo: MongoOptions

    @Option(
        name: .customLong("as"),
        help: ArgumentHelp(
            "Who you are; default: tickets.agent of the configuration, then the login name.",
            valueName: "agent"
        )
    )
    var agentName: String?

    @Flag(help: "Print JSON: one document, or one line for each ticket or event.") var json = false
}

// MARK: - Agents and their rights

extension DeskOptions {
    /// The name of the agent.
    ///
    /// - Throws: `UsageError` where the argument is no name, `TicketError` where another source gives none.
    func agent() throws -> String {
        if let agentName { return try checkingArguments { () throws(TicketError) in try Self.checked(agentName) } }
        guard let name = try mongo.config.load().tickets.agent ?? Login.name else {
            throw TicketError(.invalidValue, "your login has no name: say who you are with --as AGENT")
        }
        return try Self.checked(name)
    }

    private static func checked(_ name: String) throws(TicketError) -> String {
        do throws(TicketError) {
            return try TicketInput.name(name, of: .assignee)
        } catch {
            throw TicketError(
                error.code,
                "the name of an agent is one line of up to \(TicketLimits.nameBytesMax) bytes"
            )
        }
    }

    /// The name of the agent, where they have a role that is enough.
    ///
    /// - Throws: as `agent()`; `TicketError` of code `forbidden`.
    func agent(atLeast role: Configuration.Role, to verb: String) throws -> String {
        let name = try agent()
        let held = try mongo.config.load().tickets.role(of: name)
        guard held >= role else {
            throw TicketError(
                .forbidden,
                "\(name) has the role \(held.rawValue), and 'ticket \(verb)' takes the role \(role.rawValue): see "
                    + "tickets.roles and tickets.default_role in \(configurationPath)"
            )
        }
        return name
    }

    private var configurationPath: String {
        mongo.config.file ?? Terminal.environment("TAPEDESK_CONFIG") ?? ConfigurationFile.pathDefault
    }
}

// MARK: - Connecting

extension DeskOptions {
    /// Connects to the database of the desk.
    ///
    /// - Parameter connections: how many operations the work has under way at once.
    /// - Throws: `StoreError`, `ConfigurationError`.
    func connect(connections: Int = 1) async throws -> DeskSession {
        let configuration = try mongo.config.load()
        let database = try await mongo.connect(connections: connections)
        return DeskSession(
            database: database,
            desk: database.desk(targets: ResponseTargets(configuration.tickets.targets)),
            wait: .seconds(mongo.wait)
        )
    }
}

/// A connected desk.
struct DeskSession: Sendable {
    let database: Database
    let desk: TicketDesk
    /// How long a MongoDB that went away is waited for.
    let wait: Duration

    /// The ticket by its id, or by the one that it has in the system that it came from.
    ///
    /// - Throws: `StoreError`; `TicketError` where there is none.
    func ticket(_ name: String) async throws -> Ticket {
        if let ticket = try await desk.find(name) { return ticket }
        return try await found(name, desk.find(desk.resolve(name)))
    }

    /// As `ticket`, with its history.
    func ticketWithHistory(_ name: String) async throws -> Ticket {
        if let ticket = try await desk.ticketWithHistory(name) { return ticket }
        return try await found(name, desk.ticketWithHistory(desk.resolve(name)))
    }

    private func found(_ name: String, _ ticket: Ticket?) throws -> Ticket {
        guard let ticket else { throw TicketError(.notFound, "ticket \(name) is gone") }
        return ticket
    }

    /// The tickets that were merged into one, and into those, with their histories.
    ///
    /// - Throws: `StoreError`.
    func mergedTickets(of ticket: Ticket) async throws -> [Ticket] {
        var merged: [Ticket] = []
        var known: Set = [ticket.id]
        var waiting = ticket.mergedTickets
        while let id = waiting.first {
            waiting.removeFirst()
            guard known.insert(id).inserted, let next = try await desk.ticketWithHistory(id) else { continue }
            merged.append(next)
            waiting += next.mergedTickets
        }
        return merged
    }
}
