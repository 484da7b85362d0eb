import ArgumentParser
import BSON
import Tickets

/// Gives the ticket to an agent.
struct AssignVerb: ChangeVerb {
    static let name = "assign"
    static let abstract = "Give a ticket to an agent, or to nobody."

    @Argument(help: "Who is to have it; an empty name takes it from whoever has it.") var agent: String?
    @Flag(help: "Take it from whoever has it.") var nobody = false

    func validate() throws {
        guard nobody != (agent != nil) else { throw ValidationError("name an agent, or --nobody") }
    }

    func intent(by _: String, text: String?) throws -> TicketIntent {
        let value = try checkingArguments { () throws(TicketError) -> BSONValue in
            guard let agent, !agent.isEmpty else { return .null }
            return .string(try TicketInput.name(agent, of: .assignee))
        }
        return TicketIntent(.assign, assignments: [.init(.assignee, value)])
    }
}

/// Takes the ticket, if nobody has it.
struct ClaimVerb: ChangeVerb {
    static let name = "claim"
    static let abstract = "Take a ticket that nobody has."

    func intent(by agent: String, text: String?) throws -> TicketIntent { .claim(by: agent) }
}
