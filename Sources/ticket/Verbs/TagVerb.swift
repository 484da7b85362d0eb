import ArgumentParser
import Tickets

/// Adds and removes tags.
struct TagVerb: ChangeVerb {
    static let name = "tag"
    static let abstract = "Add tags to a ticket, or remove some."

    @Argument(help: "Tags to add.") var tags: [String] = []
    @Option(help: ArgumentHelp("A tag to remove. Repeatable.", valueName: "tag")) var remove: [String] = []

    func validate() throws {
        guard !tags.isEmpty || !remove.isEmpty else { throw ValidationError("name a tag, or --remove one") }
    }

    func intent(by agent: String, text: String?) throws -> TicketIntent {
        let check = { (tag: String) in
            try checkingArguments { () throws(TicketError) in try TicketInput.tag(tag) }
        }
        return TicketIntent(.tag, addedTags: try tags.map(check), removedTags: try remove.map(check))
    }
}
