import ArgumentParser
import BSON
import Console
import Settings
import Tickets

struct SplitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "split",
        abstract: "Make a ticket of some comments of another one, which keeps them.",
        discussion: "With --json the new ticket is printed."
    )

    @Argument(help: "Ticket.") var id: String
    @Option(help: "The subject of the new ticket.") var subject: String

    @Option(
        help: ArgumentHelp(
            "Numbers of the comments that go along, as 'ticket show' has them, separated by commas. Repeatable.",
            valueName: "numbers"
        )
    )
    var comments: [CommentNumbers]

    @OptionGroup var options: DeskOptions

    func run() async {
        await endingProcess { run in
            run.unsaved.keep(Array((subject + "\n").utf8), name: "split-\(id)")
            let agent = try options.agent(atLeast: .agent, to: "split")
            let subject = try checkingArguments { () throws(TicketError) in
                try TicketInput.value(self.subject, of: .subject).string ?? ""
            }
            let session = try await run.connect(options)
            let ticket = try await session.ticket(id)
            let numbers = comments.flatMap(\.numbers)
            let parts = try await session.desk.split(ticket.id, comments: numbers, subject: subject, by: agent)
            run.unsaved.discard()
            let report = ChangeReport(session: session, json: options.json, agent: agent)
            try await report.tell(parts.new, line: "\(parts.new.id): split from \(parts.original.id)")
            return ExitStatus.done
        }
    }
}

/// Numbers of comments, separated by commas.
struct CommentNumbers: ExpressibleByArgument, Sendable {
    let numbers: [Int64]

    init?(argument: String) {
        var numbers: [Int64] = []
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            guard let number = Int64(part), number > 0 else { return nil }
            if !numbers.contains(number) { numbers.append(number) }
        }
        self.numbers = numbers
    }
}
