import ArgumentParser
import BSON
import Console
import JSONOutput
import Settings
import TicketViews
import Tickets

struct EraseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "erase",
        abstract: "Remove a requester's personal text from tickets, histories, archives and rejected records.",
        discussion: """
            The chain of hashes still verifies afterwards. What is interrupted is finished by running it again. \
            'ticket export --requester' prints what is stored before.
            """
    )

    @Option(help: ArgumentHelp("Mail address, or the name that an import gave.", valueName: "email"))
    var requester: String
    @Flag(help: "Only count what would be removed.") var dryRun = false
    @Flag(help: "Do not ask.") var yes = false
    @OptionGroup var options: DeskOptions

    func run() async {
        await endingProcess { run in
            let agent = try options.agent(atLeast: .supervisor, to: "erase")
            let requester = try checkingArguments { () throws(TicketError) in
                try TicketInput.name(self.requester, of: .requester)
            }
            if !dryRun { try confirm(requester) }
            let session = try await run.connect(options)
            guard !dryRun else {
                let counts = try await session.desk.erasureCounts(of: requester)
                Terminal.output(
                    options.json ? JSONText.object(Self.fields(counts)).text : "would remove: \(Self.text(counts))"
                )
                return ExitStatus.done
            }
            let receipt = try await session.desk.erase(requester, by: agent)
            Terminal.output(options.json ? Self.json(receipt).text : Self.text(receipt))
            return ExitStatus.done
        }
    }

    /// Makes sure that this is meant: it cannot be taken back.
    private func confirm(_ requester: String) throws {
        if yes { return }
        guard Terminal.stdinIsTerminal, Terminal.stderrIsTerminal else {
            throw UsageError("what is erased is gone: say --yes, or see with --dry-run what it would be")
        }
        Terminal.error("This removes all personal text of \(SafeText.line(requester)) for good.")
        Terminal.error("Type the address again to go on:")
        guard let line = readLine(), line.lowercased() == requester.lowercased() else {
            Terminal.error("\(Terminal.program): that is another address; nothing was removed")
            throw ExitStatus.couldNotRun
        }
    }

    private static func fields(_ counts: ErasureCounts) -> [(String, JSONText)] {
        [
            ("tickets", .integer(counts.tickets)), ("events", .integer(counts.events)),
            ("archives", .integer(counts.archives)), ("rejects", .integer(counts.rejects)),
        ]
    }

    private static func json(_ receipt: ErasureReceipt) -> JSONText {
        .object(
            [
                ("receipt", .string(receipt.id.description)), ("agent", .string(receipt.agent)),
                ("started_at", .string(DateText.rfc3339(receipt.startedAt))),
                ("completed_at", .string(DateText.rfc3339(receipt.completedAt))),
            ] + fields(receipt.counts) + [("mentioned_in", .array(receipt.mentionedIn.map { .string($0) }))]
        )
    }

    private static func text(_ counts: ErasureCounts) -> String {
        "the texts of \(counts.tickets.grouped) tickets, \(counts.events.grouped) events in their histories, "
            + "\(counts.archives.grouped) archive documents, \(counts.rejects.grouped) rejected records"
    }

    private static func text(_ receipt: ErasureReceipt) -> String {
        var lines = ["removed: \(text(receipt.counts))", "receipt: \(receipt.id)"]
        if !receipt.mentionedIn.isEmpty {
            let tickets = receipt.mentionedIn.map(SafeText.line).joined(separator: ", ")
            lines.append("other tickets that may mention the address: \(tickets)")
        }
        return lines.joined(separator: "\n")
    }
}
