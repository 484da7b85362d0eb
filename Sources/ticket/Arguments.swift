public import ArgumentParser
public import Tickets

// Values of the domain as they are written on a command line.

extension TicketPriority: ExpressibleByArgument {}

extension TicketQuery.Order: ExpressibleByArgument {}
