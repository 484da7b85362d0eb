import ArgumentParser
import Tickets

/// Gives fields values.
struct SetVerb: ChangeVerb {
    static let name = "set"
    static let abstract = "Give fields of a ticket values."
    static let discussion = """
        Fields: subject, requester, status, priority, assignee, group, tags, description, and custom.NAME of imports. \
        An empty value takes the field's value away.
        """

    @Argument(help: ArgumentHelp("What is to be.", valueName: "field=value")) var assignments: [String]

    var typed: String? { assignments.joined(separator: "\n") + "\n" }

    /// Subjects, descriptions and custom fields take some typing; a status does not.
    var isText: Bool {
        assignments.contains { text in ["subject=", "description=", "custom."].contains { text.hasPrefix($0) } }
    }

    func intent(by agent: String, text: String?) throws -> TicketIntent {
        let parsed = try assignments.map { text in
            try checkingArguments { () throws(TicketError) in try TicketInput.assignment(text) }
        }
        var seen = Set<TicketField>()
        for assignment in parsed where !seen.insert(assignment.field).inserted {
            throw UsageError("\(assignment.field) is given twice")
        }
        return TicketIntent(.set, assignments: parsed)
    }
}
