import ArgumentParser
import Console

/// The command of support agents.
struct TicketProgram: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ticket",
        abstract: "Works on support tickets: every save is checked, and nothing that was typed is lost.",
        discussion: """
            Exit codes: 0 done, 1 some of it was not done, 2 could not run, 3 conflict, 64 wrong usage.
            The database is named by --mongo, TAPEDESK_MONGO_URI, or the configuration; the agent by --as, the \
            configuration, or the login name.
            """,
        version: "0.1.0",
        subcommands: [CompletionCommand.self],
        groupedSubcommands: [
            CommandGroup(
                name: "Reading",
                subcommands: [
                    ListCommand.self, SearchCommand.self, ShowCommand.self, HistoryCommand.self, WatchCommand.self,
                    StatsCommand.self, ExportCommand.self,
                ]
            ),
            CommandGroup(
                name: "Changing",
                subcommands: [
                    CreateCommand.self, ChangeCommand<CommentVerb>.self, ChangeCommand<AssignVerb>.self,
                    ChangeCommand<ClaimVerb>.self, ChangeCommand<SetVerb>.self, ChangeCommand<TagVerb>.self,
                    ChangeCommand<ResolveVerb>.self, ChangeCommand<ReopenVerb>.self, ChangeCommand<CloseVerb>.self,
                    EditCommand.self, MergeCommand.self, SplitCommand.self, BulkCommand.self, EraseCommand.self,
                ]
            ),
        ]
    )
}

@main
enum Program {
    static func main() async {
        Terminal.reserveDescriptors()
        RawArguments.refuseBrokenText()
        await TicketProgram.main()
    }
}
