import ArgumentParser
import Tickets

/// Adds a text to the thread.
struct CommentVerb: ChangeVerb {
    static let name = "comment"
    static let abstract = "Add a comment to a ticket."
    static let discussion = """
        Without a text, the editor of $VISUAL or $EDITOR is opened; where that is not possible, a text is needed.
        """

    @Argument(help: "The text; - reads it from the standard input.") var text: String?
    @Flag(name: .customLong("internal"), help: "For agents alone.") var isInternal = false

    func textSource() throws -> TextSource? { try TextSource.named(text) }

    func intent(by agent: String, text: String?) throws -> TicketIntent {
        guard let text else { throw EmptyText() }
        return TicketIntent(.comment, comment: TicketIntent.Comment(text: text, isInternal: isInternal))
    }
}
