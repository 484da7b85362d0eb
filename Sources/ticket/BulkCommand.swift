import ArgumentParser
import Console
import JSONOutput
import TicketViews
import Tickets

struct BulkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bulk",
        abstract: "Change many tickets, whose ids come from the standard input.",
        discussion: """
            One id a line: what follows the first word of a line does not count, nor do empty lines and those that \
            begin with #. One that fails does not hinder the others. Exit codes: 1 some failed, 3 some met a conflict.

              ticket list --unassigned --tag refund | tail -n +2 | ticket bulk assign mia
            """,
        subcommands: [
            BulkChange<SetVerb>.self, BulkChange<CommentVerb>.self, BulkChange<AssignVerb>.self,
            BulkChange<ClaimVerb>.self, BulkChange<TagVerb>.self, BulkChange<ResolveVerb>.self,
            BulkChange<ReopenVerb>.self, BulkChange<CloseVerb>.self,
        ]
    )
}

/// A command that changes many tickets alike.
struct BulkChange<Verb: ChangeVerb>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: Verb.name, abstract: Verb.abstract, discussion: Verb.discussion)
    }

    @OptionGroup var verb: Verb
    @OptionGroup var options: DeskOptions

    func run() async {
        await endingProcess { run in
            var source: TextSource?
            do {
                source = try verb.textSource()
            } catch is UsageError {
                throw UsageError("give the text as an argument: the standard input has the ids")
            }
            if source == .input || source == .editor {
                throw UsageError("give the text as an argument: the standard input has the ids")
            }
            let (agent, intent) = try verb.intent(options, ticket: "bulk", run.unsaved)
            let ids = try TicketList.read()
            let session = try await run.connect(options, connections: BulkRun.changesAtOnce)
            var bulk = BulkRun(session: session, agent: agent, intent: intent, json: options.json)
            try await bulk.change(ids)
            return bulk.status
        }
    }
}

/// The ids that a bulk is about.
private enum TicketList {
    private static let bytesMax = 64 << 20

    static func read() throws -> [String] {
        let (bytes, isWhole) = try StandardInput.read(limit: bytesMax)
        guard isWhole else { throw UsageError("the list of ids is longer than 64 MB: give it in parts") }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw UsageError("the list of ids is not UTF-8 at byte offset \(UTF8Fault.offset(in: bytes) ?? 0)")
        }
        var seen = Set<String>()
        return text.split(whereSeparator: \.isNewline).compactMap { line in
            guard let word = line.split(whereSeparator: \.isWhitespace).first, !word.hasPrefix("#") else { return nil }
            return seen.insert(String(word)).inserted ? String(word) : nil
        }
    }
}

/// One change of many tickets.
private struct BulkRun {
    /// How many tickets are changed at the same time.
    static let changesAtOnce = 8
    /// How far changes may be ahead of the first one that is not done, and so how many outcomes wait to be printed.
    private static let window = 64

    private enum Outcome: Sendable {
        case saved(String)
        case unchanged(String)
        case conflict([FieldConflict])
        case failed(String)
    }

    let session: DeskSession
    let agent: String
    let intent: TicketIntent
    let json: Bool
    private var failedCount = 0
    private var conflictCount = 0

    init(session: DeskSession, agent: String, intent: TicketIntent, json: Bool) {
        self.session = session
        self.agent = agent
        self.intent = intent
        self.json = json
    }

    var status: ExitCode {
        if failedCount > 0 { return ExitStatus.foundProblems }
        return conflictCount > 0 ? ExitStatus.conflict : ExitStatus.done
    }

    /// Changes the tickets, and prints what became of each in their order.
    mutating func change(_ ids: [String]) async throws {
        let (session, agent, intent) = (session, agent, intent)
        await withTaskGroup(of: (Int, Outcome).self) { group in
            var next = 0
            var printed = 0
            var underWay = 0
            var outcomes: [Int: Outcome] = [:]
            while printed < ids.count {
                while next < ids.count, underWay < Self.changesAtOnce, next < printed + Self.window {
                    let (index, id) = (next, ids[next])
                    group.addTask { (index, await Self.change(id, session, agent, intent)) }
                    next += 1
                    underWay += 1
                }
                guard let (index, outcome) = await group.next() else { break }
                underWay -= 1
                outcomes[index] = outcome
                while let outcome = outcomes.removeValue(forKey: printed) {
                    tell(ids[printed], outcome)
                    printed += 1
                }
            }
        }
    }

    private static func change(
        _ id: String,
        _ session: DeskSession,
        _ agent: String,
        _ intent: TicketIntent
    ) async -> Outcome {
        do {
            let before = try await session.ticket(id)
            switch try await session.desk.save(intent, on: before, by: agent, seen: before.version) {
            case .saved(let ticket): return .saved(ChangeLine.text(before: before, after: ticket, intent))
            case .unchanged(let ticket): return .unchanged(ChangeLine.text(before: before, after: ticket, intent))
            case .conflict(_, let conflicts): return .conflict(conflicts)
            }
        } catch {
            return .failed("\(error)")
        }
    }

    private mutating func tell(_ id: String, _ outcome: Outcome) {
        let name: String
        var line: String
        var failure: JSONText = .null
        switch outcome {
        case .saved(let text): (name, line) = ("saved", text)
        case .unchanged(let text): (name, line) = ("unchanged", text)
        case .conflict(let conflicts):
            conflictCount += 1
            let fields = conflicts.map(\.field.name).joined(separator: ", ")
            (name, line) = ("conflict", "\(SafeText.line(id)): conflict in \(fields)")
            failure = .string("others changed the same: \(fields)")
        case .failed(let message):
            failedCount += 1
            (name, line) = ("failed", "\(SafeText.line(id)): failed: \(message)")
            failure = .string(message)
        }
        if json {
            line = JSONText.object([("id", .string(id)), ("outcome", .string(name)), ("error", failure)]).text
        }
        Terminal.output(line)
    }
}
