import ArgumentParser
import Console
import JSONOutput
import Settings
import TicketViews
import Tickets

struct EditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit",
        abstract: "Edit all fields of a ticket in the editor of $VISUAL or $EDITOR.",
        discussion: """
            An emptied form leaves the ticket as it is. Where others changed the same fields meanwhile, the form is \
            opened again with both sides marked.
            """
    )

    @Argument(help: "Ticket.") var id: String
    @OptionGroup(title: "Conflicts") var save: SaveOptions
    @OptionGroup var options: DeskOptions

    func run() async {
        await endingProcess { run in
            let choice = try save.choice()
            let agent = try options.agent(atLeast: .agent, to: "edit")
            let session = try await run.connect(options)
            let ticket = try await session.ticket(id)
            try await sayWhoElseEdits(ticket.id, agent, session)
            let mark = await session.desk.mark(.editing, ticket.id, by: agent)
            var form = FormSession(session: session, agent: agent, choice: choice, ticket: ticket, unsaved: run.unsaved)
            form.seen = save.ifVersion ?? ticket.version
            let result: Result<ExitCode, any Error>
            do {
                result = .success(try await finish(try await form.edit(), ticket, session, agent, run.unsaved))
            } catch {
                result = .failure(error)
            }
            await session.desk.clear(mark)
            return try result.get()
        }
    }

    private func sayWhoElseEdits(_ id: String, _ agent: String, _ session: DeskSession) async throws {
        let others = try await session.desk.presences(of: [id]).filter { $0.agent != agent && $0.activity == .editing }
        guard !others.isEmpty else { return }
        let names = others.map { SafeText.line($0.agent) }.joined(separator: ", ")
        Terminal.error("\(SafeText.line(id)) is being edited by \(names), too")
    }

    private func finish(
        _ end: FormSession.End,
        _ before: Ticket,
        _ session: DeskSession,
        _ agent: String,
        _ unsaved: UnsavedText
    ) async throws -> ExitCode {
        let report = ChangeReport(session: session, json: options.json, agent: agent)
        switch end {
        case .unchanged:
            try await report.tell(before, line: "\(SafeText.line(before.id)): nothing changed")
            return ExitStatus.done
        case .saved(let outcome, let intent):
            return try await report.tell(outcome, before: before, intent, unsaved)
        case .openConflict(let conflicts):
            if options.json { Terminal.output(TicketJSON.conflict(conflicts).text) }
            let fields = conflicts.map(\.field.name).joined(separator: ", ")
            Terminal.error("\(Terminal.program): others changed the same meanwhile (\(fields)), and nothing was stored")
            return ExitStatus.conflict
        }
    }
}

/// A form that is edited until it can be stored.
struct FormSession {
    enum End {
        case unchanged
        case saved(SaveOutcome, TicketIntent)
        /// The agent left both sides of these as they were marked.
        case openConflict([FieldConflict])
    }

    /// How often the editor is opened at most.
    private static let openingsMax = 20

    let session: DeskSession
    let agent: String
    let choice: ConflictChoice
    let unsaved: UnsavedText
    /// The version that the agent has before them.
    var seen: Int64
    private var base: Ticket
    private var markers: FormMarkers?
    private var conflicts: [FieldConflict] = []
    /// The form as it was given to the editor.
    private var text: String

    init(
        session: DeskSession,
        agent: String,
        choice: ConflictChoice,
        ticket: Ticket,
        unsaved: UnsavedText
    ) {
        self.session = session
        self.agent = agent
        self.choice = choice
        self.unsaved = unsaved
        seen = ticket.version
        base = ticket
        text = EditForm.render(ticket)
    }

    /// Opens the editor until the form is stored, given up, or cannot be.
    ///
    /// - Throws: what went wrong; the file with the form stays.
    mutating func edit() async throws -> End {
        unsaved.keep(Array(text.utf8), name: "edit-\(base.id)")
        let given = Array(text.utf8)
        for _ in 0..<Self.openingsMax {
            let edited = try Self.decoded(try Editor.edit(unsaved, given: given))
            if EditForm.isEmpty(edited) { return .unchanged }
            if edited == text { return try untouched() }
            text = edited
            if let end = try await store() { return end }
            if let path = unsaved.path { try Editor.write(text, file: path) }
        }
        throw EditorError("the form was opened \(Self.openingsMax) times and could not be stored")
    }

    /// The form came back as it was given.
    private func untouched() throws -> End {
        guard conflicts.isEmpty else { return .openConflict(conflicts) }
        guard text != EditForm.render(base) else { return .unchanged }
        // The mistakes in it were not mended.
        throw EditorError("the form still has its mistakes; nothing was stored")
    }

    /// Stores the edited form; nil where it is to be edited again, as `text` is then.
    private mutating func store() async throws -> End? {
        let assignments: [TicketIntent.Assignment]
        do throws(FormError) {
            assignments = try EditForm.parse(text, base: base, markers: markers)
        } catch {
            guard Self.hasPerson else {
                guard conflicts.isEmpty else {
                    Terminal.report(error)
                    return .openConflict(conflicts)
                }
                throw error
            }
            text = EditForm.annotated(text, with: error)
            return nil
        }
        if assignments.isEmpty { return .unchanged }
        let intent = TicketIntent(.edit, assignments: assignments)
        let outcome: SaveOutcome
        do {
            outcome = try await session.desk.save(intent, on: base.id, by: agent, seen: seen, choice: choice)
        } catch let error as TicketError where Self.hasPerson && error.code == .invalidStep {
            text = "#! \(error)\n" + text
            return nil
        }
        guard case .conflict(let current, let conflicts) = outcome else { return .saved(outcome, intent) }
        let form = EditForm.renderConflict(
            assignments,
            base: base,
            current: current,
            conflicts: conflicts,
            time: ViewTime.onTheWall(now: try await session.desk.now())
        )
        text = form.text
        markers = form.markers
        base = current
        seen = current.version
        self.conflicts = conflicts
        return nil
    }

    /// Whether somebody can mend mistakes.
    private static var hasPerson: Bool { Terminal.stdinIsTerminal && Terminal.stdoutIsTerminal }

    private static func decoded(_ bytes: [UInt8]) throws(TicketError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let offset = UTF8Fault.offset(in: bytes) ?? 0
            throw TicketError(.invalidValue, "the form is not UTF-8 at byte offset \(offset)")
        }
        return text
    }
}
