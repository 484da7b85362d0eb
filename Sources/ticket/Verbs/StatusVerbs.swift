import ArgumentParser
import BSON
import Tickets

/// A verb that is a step of the status.
protocol StatusVerb: ChangeVerb {
    static var operation: TicketOperation { get }
    static var status: TicketStatus { get }

    /// What goes along.
    var note: StepNote { get }
}

extension StatusVerb {
    func textSource() throws -> TextSource? { try note.comment.map { try TextSource.named($0) } }

    func intent(by agent: String, text: String?) throws -> TicketIntent {
        TicketIntent(
            Self.operation,
            assignments: [.init(.status, .string(Self.status.rawValue))],
            comment: text.map { TicketIntent.Comment(text: $0, isInternal: note.isInternal) }
        )
    }
}

/// A comment that goes along with a step.
struct StepNote: ParsableArguments {
    @Option(help: ArgumentHelp("A comment that goes along; - reads it from the standard input.", valueName: "text"))
    var comment: String?

    @Flag(name: .customLong("internal"), help: "The comment is for agents alone.") var isInternal = false
}

/// Says that a ticket is answered.
struct ResolveVerb: StatusVerb {
    static let name = "resolve"
    static let abstract = "Set a ticket to resolved."
    static let operation = TicketOperation.resolve
    static let status = TicketStatus.resolved

    @OptionGroup var note: StepNote
}

/// Takes a ticket up again.
struct ReopenVerb: StatusVerb {
    static let name = "reopen"
    static let abstract = "Set a ticket to open again."
    static let operation = TicketOperation.reopen
    static let status = TicketStatus.open

    @OptionGroup var note: StepNote
}

/// Ends a ticket.
struct CloseVerb: StatusVerb {
    static let name = "close"
    static let abstract = "Set a ticket to closed."
    static let operation = TicketOperation.close
    static let status = TicketStatus.closed

    @OptionGroup var note: StepNote
}
