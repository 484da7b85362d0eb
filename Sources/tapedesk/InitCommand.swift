import ArgumentParser
import Console
import DocumentStore
import JSONOutput
import MongoStore

struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Create the collections with their validators and indexes. May be run any number of times."
    )

    @OptionGroup var mongo: MongoOptions
    @Flag(help: "Print one JSON document.") var json = false

    func run() async {
        await mongo.run { database in
            try await database.prepare(Database.specifications)
            let names = Database.specifications.map(\.name)
            if json {
                let document = JSONText.object([
                    ("database", .string(database.store.database)), ("collections", .array(names.map(JSONText.string))),
                ])
                Terminal.output(document.text)
            } else {
                Terminal.output("Database \(database.store.database) is ready: \(names.joined(separator: ", ")).")
            }
            return ExitStatus.done
        }
    }
}
