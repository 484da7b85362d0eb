import ArgumentParser
import BSON
import Console
import Settings
import Tickets

struct CreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "create", abstract: "Create a ticket.")

    @Option(help: "A line that says what it is about.") var subject: String
    @Option(help: ArgumentHelp("Mail address of who asks.", valueName: "email")) var requester: String

    @Option(help: ArgumentHelp("The text; - reads it from the standard input.", valueName: "text"))
    var description: String?

    @Option(help: "low, normal, high or urgent.") var priority = TicketPriority.normal
    @Option(help: ArgumentHelp("The group that is to see to it.", valueName: "group")) var group: String?
    @Option(help: ArgumentHelp("A tag. Repeatable.", valueName: "tag")) var tag: [String] = []
    @OptionGroup var options: DeskOptions

    func run() async {
        await endingProcess { run in
            if let description {
                let source = description == "-" ? TextSource.input : .argument(description)
                let text = try TypedText.read(source, name: "create", run.unsaved)
                return try await create(text, run)
            }
            run.unsaved.keep(Array((subject + "\n").utf8), name: "create")
            return try await create(nil, run)
        }
    }

    private func create(_ text: String?, _ run: CommandRun) async throws -> ExitCode {
        let agent = try options.agent(atLeast: .agent, to: "create")
        let new = try checkingArguments { () throws(TicketError) in try newTicket(text) }
        let session = try await run.connect(options)
        let ticket = try await session.desk.create(new, by: agent)
        run.unsaved.discard()
        let report = ChangeReport(session: session, json: options.json, agent: agent)
        try await report.tell(ticket, line: "\(ticket.id): created")
        return ExitStatus.done
    }

    private func newTicket(_ text: String?) throws(TicketError) -> NewTicket {
        var new = NewTicket(
            subject: try TicketInput.value(subject, of: .subject).string ?? "",
            requester: try TicketInput.address(requester),
            description: text,
            priority: priority
        )
        if let group { new.group = try TicketInput.name(group, of: .group) }
        for tag in tag where !new.tags.contains(tag) { new.tags.append(try TicketInput.tag(tag)) }
        guard new.tags.count <= TicketLimits.tagCountMax else {
            throw TicketError(.invalidValue, "tags takes at most \(TicketLimits.tagCountMax) tags")
        }
        return new
    }
}
