import ArgumentParser
import BSON
import Console
import DocumentStore
import JSONOutput
import MongoStore
import TicketViews
import Tickets

struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Tell of each change of tickets as it happens, until interrupted.",
        discussion: """
            Says on stderr when it has begun to watch. MongoDB may be away for as long as --wait; no change is missed \
            or told twice. With --json one event a line.
            """
    )

    @Argument(help: "Tickets; all without any.") var ids: [String] = []
    @Option(name: .customLong("for"), help: ArgumentHelp("End after so many seconds.", valueName: "seconds"))
    var seconds: Int?
    @Option(help: ArgumentHelp("End after so many changes.", valueName: "n")) var count: Int?
    @OptionGroup var options: DeskOptions

    func validate() throws {
        if let seconds, !(1...31_536_000).contains(seconds) {
            throw ValidationError("--for takes 1 to 31536000 seconds")
        }
        if let count, count < 1 { throw ValidationError("--count takes 1 or more") }
    }

    func run() async {
        await endingProcess { run in
            let session = try await run.connect(options, connections: 2)
            var only: [String] = []
            for id in ids { only.append(try await session.ticket(id).id) }
            var follower = try await Follower(
                session: session,
                only: ids.isEmpty ? nil : only,
                end: seconds.map { session.database.environment.now() + .seconds($0) },
                left: count ?? .max,
                json: options.json
            )
            EndingSignals.install()
            Terminal.error("watching \(ids.isEmpty ? "all tickets" : only.map(SafeText.line).joined(separator: ", "))")
            try await follower.follow()
            return ExitStatus.done
        }
    }
}

/// Follows the changes of tickets and prints them.
private struct Follower {
    /// How long one look at the changes takes at most, and how long lies between two where none can be waited for.
    private static let lookTime = Duration.seconds(1)
    private static let pauseFirst = Duration.milliseconds(100)

    private let session: DeskSession
    private let json: Bool
    private let end: Duration?
    private var left: Int
    private var watch: TicketWatch
    /// The place in the history of changes up to which all was told; nil where changes cannot be waited for.
    private var token: ChangeToken?

    /// Takes a place in the history of changes, then looks how the tickets are: what comes between is told.
    init(session: DeskSession, only: [String]?, end: Duration?, left: Int, json: Bool) async throws {
        self.session = session
        self.end = end
        self.left = left
        self.json = json
        token = try await Self.currentPlace(session)
        watch = try await TicketWatch(session.desk, only: only)
    }

    private static func currentPlace(_ session: DeskSession) async throws -> ChangeToken? {
        do throws(StoreError) {
            return try await changes(session, after: nil, waiting: .zero).token
        } catch {
            guard error.code == .unsupported else { throw error }
            Terminal.error("\(Terminal.program): \(error); looking every second")
            return nil
        }
    }

    private static func changes(
        _ session: DeskSession,
        after token: ChangeToken?,
        waiting duration: Duration
    ) async throws(StoreError) -> ChangeNotice {
        try await session.database.store.changedDocuments(
            in: SupportRequestsCollection.name,
            after: token,
            waiting: duration
        )
    }

    /// Prints changes until the end.
    mutating func follow() async throws {
        while let time = timeLeft {
            if token == nil {
                try await session.database.environment.sleep(min(time, Self.lookTime))
                tell(try await watch.poll())
            } else {
                try await look(for: min(time, Self.lookTime))
            }
        }
    }

    /// The time that is left; nil where it is over, or all was told.
    private var timeLeft: Duration? {
        guard left > 0 else { return nil }
        guard let end else { return .seconds(3_600) }
        let time = end - session.database.environment.now()
        return time > .zero ? time : nil
    }

    /// Waits for changes, and for a database that is away.
    private mutating func look(for duration: Duration) async throws {
        let environment = session.database.environment
        let deadline = environment.now() + session.wait
        for attempt in 1... {
            do throws(StoreError) {
                let notice = try await Self.changes(session, after: token, waiting: duration)
                for id in notice.ids.compactMap(\.string) { tell(try await news(of: id)) }
                token = notice.token
                return
            } catch {
                switch error.code {
                case .historyLost:
                    // What came before the new place and was not told yet is found by looking at the tickets.
                    token = try await Self.currentPlace(session)
                    tell(try await watch.poll())
                    return
                case .unavailable where environment.now() < deadline && timeLeft != nil:
                    let policy = RetryPolicy(deadline: session.wait, pauseFirst: Self.pauseFirst)
                    try await environment.sleep(policy.pause(beforeAttempt: attempt, random: environment.random()))
                default: throw error
                }
            }
        }
    }

    private mutating func news(of id: String) async throws(StoreError) -> [TicketNews] {
        // One at a time: what was found of one ticket is not lost where another one cannot be read.
        do {
            return try await watch.news(of: [id])
        } catch let error as StoreError {
            throw error
        } catch {
            throw StoreError(.unreadable, "\(error)")
        }
    }

    private mutating func tell(_ news: [TicketNews]) {
        guard !news.isEmpty else { return }
        EndingSignals.whileDeferred {
            for item in news where left > 0 {
                Terminal.output(json ? TicketJSON.event(item.event, ticket: item.ticket.id).text : NewsLine.text(item))
                left -= 1
            }
        }
    }
}

/// A change of a ticket in a line.
private enum NewsLine {
    private static let columnsMax = 200

    static func text(_ news: TicketNews) -> String {
        let event = news.event
        let actor = event.actor.map(SafeText.line) ?? "(erased)"
        let time = ViewTime.onTheWall(now: event.time)
        let changes = event.changes.compactMap { change($0, of: event) }.joined(separator: ", ")
        let line =
            "\(time.absolute(event.time))  \(SafeText.line(news.ticket.id))  \(actor)  \(event.operation.rawValue)"
        let whole = changes.isEmpty ? line : "\(line)  \(changes)"
        return whole.truncated(to: Terminal.resultWidth ?? columnsMax)
    }

    private static func change(_ change: TicketEvent.Change, of event: TicketEvent) -> String? {
        let name = change.change.field.name
        if name == "internal" { return "for agents alone" }
        if change.isErased { return "\(name) (erased)" }
        let to = ChangeLine.shown(change.change.to)
        // That it is a comment, the name of the operation has said.
        if name == "comment", event.operation == .comment { return to }
        if change.change.from == .null { return "\(name) \(to)" }
        return "\(name) \(ChangeLine.shown(change.change.from)) → \(to)"
    }
}
