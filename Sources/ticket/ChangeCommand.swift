import ArgumentParser
import Console
import Settings
import TicketViews
import Tickets

/// One way of changing a ticket, for one ticket or for many.
protocol ChangeVerb: ParsableArguments, Sendable {
    static var name: String { get }
    static var abstract: String { get }
    static var discussion: String { get }

    /// Where the text that goes along comes from; nil where none does.
    func textSource() throws -> TextSource?

    /// What was typed beside that text; it is kept where it meets a conflict.
    var typed: String? { get }

    /// Whether `typed` is worth keeping whatever happens.
    var isText: Bool { get }

    /// What is wanted of a ticket.
    ///
    /// - Throws: `UsageError`, `TicketError`.
    func intent(by agent: String, text: String?) throws -> TicketIntent
}

extension ChangeVerb {
    static var discussion: String { "" }
    var typed: String? { nil }
    var isText: Bool { false }
    func textSource() throws -> TextSource? { nil }

    /// Reads the text and finds out what is wanted, before anything is changed.
    ///
    /// A text that is piped in is read first of all: it cannot be had again.
    func intent(_ options: DeskOptions, ticket: String, _ unsaved: UnsavedText) throws -> (String, TicketIntent) {
        let name = "\(Self.name)-\(ticket)"
        let source = try textSource()
        if let typed, isText { unsaved.keep(Array(typed.utf8), name: name) }
        var text: String?
        if let source, source != .editor { text = try TypedText.read(source, name: name, unsaved) }
        let agent = try options.agent(atLeast: .agent, to: Self.name)
        if source == .editor { text = try editedText(name, unsaved) }
        return (agent, try intent(by: agent, text: text))
    }
}

/// The text that an agent writes in the editor; one that is left empty takes the change back.
///
/// - Throws: `ExitCode` then.
private func editedText(_ name: String, _ unsaved: UnsavedText) throws -> String {
    do {
        return try TypedText.read(.editor, name: name, unsaved)
    } catch let error as EmptyText {
        Terminal.error("\(Terminal.program): \(error)")
        throw ExitStatus.done
    }
}

/// A command that changes one ticket.
struct ChangeCommand<Verb: ChangeVerb>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: Verb.name, abstract: Verb.abstract, discussion: Verb.discussion)
    }

    @Argument(help: "Ticket: its number, or its id in the system that it came from.") var id: String
    @OptionGroup var verb: Verb
    @OptionGroup(title: "Conflicts") var save: SaveOptions
    @OptionGroup var options: DeskOptions

    func run() async {
        await endingProcess { run in
            let choice = try save.choice()
            var (agent, intent) = try verb.intent(options, ticket: id, run.unsaved)
            if save.ifVersion == nil { intent.leave(choice) }
            let session = try await run.connect(options)
            let before = try await session.ticket(id)
            let outcome = try await session.desk.save(
                intent,
                on: before,
                by: agent,
                seen: save.ifVersion ?? before.version,
                choice: choice
            )
            if case .conflict = outcome, run.unsaved.path == nil, let typed = verb.typed {
                run.unsaved.keep(Array(typed.utf8), name: "\(Verb.name)-\(id)")
            }
            let report = ChangeReport(session: session, json: options.json, agent: agent)
            return try await report.tell(outcome, before: before, intent, run.unsaved)
        }
    }
}

extension TicketIntent {
    /// Leaves out the fields that are to keep the others' values.
    ///
    /// Who names no version has the others' values before them: nothing else would tell that there was a conflict.
    fileprivate mutating func leave(_ choice: ConflictChoice) {
        assignments.removeAll { choice.sides[$0.field] == .theirs }
    }
}

/// What to do where others changed a ticket meanwhile.
struct SaveOptions: ParsableArguments {
    @Option(
        name: .customLong("if-version"),
        help: ArgumentHelp(
            "The version of the ticket that you saw; default: the one that is stored now.",
            valueName: "n"
        )
    )
    var ifVersion: Int64?

    @Flag(help: "Put your change on the ticket as it is now, also where others changed the same.") var rebase = false

    @Option(help: ArgumentHelp("Take your value of this field. Repeatable.", valueName: "field")) var mine: [String] =
        []

    @Option(help: ArgumentHelp("Leave the others' value of this field. Repeatable.", valueName: "field"))
    var theirs: [String] = []

    func validate() throws {
        if let ifVersion, ifVersion < 1 { throw ValidationError("--if-version takes 1 or more") }
        if let field = mine.first(where: theirs.contains) {
            throw ValidationError("--mine and --theirs exclude each other for '\(SafeText.line(field))'")
        }
    }

    /// Whose values fields take that both sides changed.
    ///
    /// - Throws: `UsageError`.
    func choice() throws -> ConflictChoice {
        var sides: [TicketField: ConflictChoice.Side] = [:]
        for (names, side) in [(mine, ConflictChoice.Side.mine), (theirs, .theirs)] {
            for name in names {
                sides[try checkingArguments { () throws(TicketError) in try TicketInput.field(name) }] = side
            }
        }
        return ConflictChoice(standard: rebase ? .mine : nil, sides: sides)
    }
}
