import ArgumentParser
import Console
import TicketViews
import Tickets

struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List tickets: all of them when piped, a page on a terminal.",
        discussion: "With --json one ticket a line, without its comments."
    )

    @OptionGroup(title: "Which tickets") var filters: ListFilters
    @OptionGroup(title: "Output") var output: ListOutput
    @OptionGroup var options: DeskOptions

    func run() async { await output.run(filters, options) }
}

struct SearchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search",
        abstract: "List the tickets that hold all of these words in subject, description or comments.",
        discussion: "Capital letters do not matter; word* stands for all words that begin so."
    )

    @Argument(help: "Words.") var words: [String]
    @OptionGroup(title: "Which tickets") var filters: ListFilters
    @OptionGroup(title: "Output") var output: ListOutput
    @OptionGroup var options: DeskOptions

    func run() async {
        var filters = filters
        filters.text += words
        await output.run(filters, options)
    }
}

/// How a list is shown.
struct ListOutput: ParsableArguments {
    @OptionGroup var order: ListOrder

    @Option(
        help: ArgumentHelp(
            "Columns of the table, separated by commas: "
                + TicketTable.Column.allCases.map(\.rawValue).joined(separator: ", ") + ".",
            valueName: "columns"
        )
    )
    var columns: Choices<TicketTable.Column>?

    @Option(help: ArgumentHelp("The most tickets that are listed.", valueName: "n")) var limit: Int?
    @Flag(help: "List all tickets on a terminal, too.") var all = false

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit takes 1 or more") }
        if limit != nil, all { throw ValidationError("--limit and --all exclude each other") }
    }

    /// How many tickets are listed; nil where all are.
    private func countMax(_ json: Bool) -> Int? {
        if let limit { return limit }
        guard Terminal.stdoutIsTerminal, !all, !json else { return nil }
        // The names of the columns, the notice, and the next prompt.
        return max(1, Terminal.height - 3)
    }

    /// Prints the tickets and ends the process.
    func run(_ filters: ListFilters, _ options: DeskOptions) async -> Never {
        await endingProcess { run in
            // Only --mine needs to know who asks.
            let agent = filters.mine || options.agentName != nil ? try options.agent() : try? options.agent()
            let session = try await run.connect(options)
            let now = try await session.desk.now()
            let countMax = countMax(options.json)
            // One more tells that there are more.
            let limit = countMax.map { $0 == .max ? $0 : $0 + 1 } ?? .max
            var query = try filters.query(limit: limit, now: now) { try agent ?? options.agent() }
            order.apply(to: &query)
            query.hasDescriptions = options.json
            var pages = session.desk.list(query)
            var printer = ListPrinter(
                session: session,
                columns: columns?.values,
                now: now,
                agent: agent,
                countMax: countMax,
                json: options.json
            )
            var left = countMax ?? .max
            while left > 0 {
                let page = try await pages.next()
                if page.isEmpty { break }
                try await printer.add(Array(page.prefix(left)))
                left -= page.count
            }
            printer.finish()
            if left < 0, let countMax { try await reportCut(countMax, query, session) }
            return ExitStatus.done
        }
    }

    private func reportCut(_ count: Int, _ query: TicketQuery, _ session: DeskSession) async throws {
        guard Terminal.stdoutIsTerminal else {
            return Terminal.error("\(Terminal.program): \(count.grouped) shown; there are more")
        }
        let total = try await session.desk.count(query)
        let advice = limit == nil ? "; --all or pipe for all" : ""
        Terminal.error("\(count.grouped) of \(total.grouped) shown\(advice)")
    }
}

/// Prints a list page by page.
private struct ListPrinter {
    let session: DeskSession
    let columns: [TicketTable.Column]?
    let now: Int64
    let agent: String?
    /// How many tickets are listed at most.
    let countMax: Int?
    let json: Bool
    private var table: TicketTable?
    /// Who has tickets open, as it was when the list began.
    private var presences: [Presence]?
    private var output = LineOutput()

    init(
        session: DeskSession,
        columns: [TicketTable.Column]?,
        now: Int64,
        agent: String?,
        countMax: Int?,
        json: Bool
    ) {
        self.session = session
        self.columns = columns
        self.now = now
        self.agent = agent
        self.countMax = countMax
        self.json = json
    }

    /// Prints the next tickets.
    mutating func add(_ page: [Ticket]) async throws {
        let presences = try await knownPresences(page)
        guard !json else {
            for ticket in page { output.append(TicketJSON.row(ticket, now: now, openedBy: presences)) }
            return
        }
        let table = table ?? firstTable(page, presences)
        table.lines(page).forEach { output.append($0) }
    }

    private mutating func knownPresences(_ page: [Ticket]) async throws -> [Presence] {
        if let presences { return presences }
        let isWhole = page.count == countMax
        let found = try await session.desk.presences(of: isWhole ? page.map(\.id) : nil)
        presences = found
        return found
    }

    private mutating func firstTable(_ page: [Ticket], _ presences: [Presence]) -> TicketTable {
        let table = TicketTable(
            columns: columns,
            firstPage: page,
            // That the agent has it open is no news.
            presences: presences.filter { $0.agent != agent },
            time: ViewTime.onTheWall(now: now),
            style: .ofResults,
            width: Terminal.resultWidth
        )
        output.append(table.header)
        self.table = table
        return table
    }

    /// Prints what is left.
    mutating func finish() {
        output.flush()
        if table == nil, !json, Terminal.stdoutIsTerminal { Terminal.error("no tickets") }
    }
}
