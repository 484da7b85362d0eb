import ArgumentParser

/// The command of operators and analysts.
@main
struct Tapedesk: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tapedesk",
        abstract: "Streams market feeds into MongoDB: every event exactly once, validated, and readable again.",
        discussion: """
            Exit codes: 0 done, 1 found problems, 2 could not run, 3 conflict, 64 wrong usage.
            The database is named by --mongo, by TAPEDESK_MONGO_URI, or by the configuration, in that order.
            """,
        version: "0.1.0",
        subcommands: [
            InitCommand.self, ReplayCommand.self, StatusCommand.self, ExportCommand.self, VerifyCommand.self,
            CompactCommand.self, RestoreCommand.self, MigrateCommand.self, ServeCommand.self, RecordCommand.self,
            CheckConfigCommand.self,
        ]
    )
}
