import Alerts
import BSON
import Console
import DocumentStore
import MarketData
import Service
import Settings
import Tickets
import WebClient

/// What becomes of alerts: they are stored, and posted to webhooks; and the tickets that alerts are given of.
struct AlertDesk: Sendable {
    private let board: AlertBoard
    private let outboxes: [(name: String, outbox: Outbox)]
    private let deliveries: [AlertDelivery]
    private let tickets: TicketDesk
    private let environment: ServiceEnvironment
    private let store: any DocumentStore

    private static let ticketInterval: Duration = .seconds(10)
    private static let ticketsMax = 1_000

    /// Opens the outboxes, each in a folder of its recipient's name.
    ///
    /// - Throws: `ConfigurationProblem`, `Outbox.Failure`, `WebError`.
    init(
        _ board: AlertBoard,
        webhooks: [Configuration.Webhook],
        folder: String,
        _ database: Database,
        _ environment: ServiceEnvironment
    ) throws {
        self.board = board
        self.environment = environment
        store = database.store
        tickets = database.desk()
        try LiveSources.make(folder)
        let stored = try Outbox(folder: folder + "/mongodb")
        let alerts = AlertStore(writer: database.writer, operationIDs: database.operationIDs)
        var outboxes = [("mongodb", stored)]
        var recipients = [
            AlertBoard.Recipient(outbox: stored, severity: .info) { $0.document.bytes }
        ]
        var deliveries = [
            AlertDelivery(
                name: "alerts wait to be stored",
                outbox: stored,
                attemptsMax: nil,
                environment: environment,
                deliver: { await alerts.store($0) }
            )
        ]
        let client = webhooks.isEmpty ? nil : try WebClient()
        for settings in webhooks {
            guard let client else { continue }
            let outbox = try Outbox(folder: "\(folder)/webhook-\(settings.name)")
            let webhook = try Webhook(
                url: settings.url ?? settings.urlFile.map(SecretFile.read) ?? "",
                secret: settings.secretFile.map { Array(try SecretFile.read($0).utf8) },
                client: client,
                environment: environment
            )
            outboxes.append(("webhook-\(settings.name)", outbox))
            recipients.append(
                AlertBoard.Recipient(outbox: outbox, severity: settings.severity) { Array($0.json.utf8) }
            )
            deliveries.append(
                AlertDelivery(
                    name: "webhook '\(settings.name)'",
                    outbox: outbox,
                    attemptsMax: settings.attempts,
                    environment: environment,
                    deliver: { await webhook.post($0) }
                )
            )
        }
        self.outboxes = outboxes
        self.deliveries = deliveries
        board.setRecipients(recipients)
    }

    /// Letters that wait, by recipient.
    var waitingLetters: [(recipient: String, count: Int)] { outboxes.map { ($0.name, $0.outbox.count) } }

    /// Delivers until the task is cancelled.
    ///
    /// - Throws: `CancellationError`.
    func run(_ isPrepared: Latch) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for delivery in deliveries { group.addTask { try await delivery.run() } }
            group.addTask {
                await isPrepared.wait()
                try await watchTickets()
            }
            for try await _ in group {}
        }
    }

    /// Looks for tickets that are overdue, where a rule asks for them.
    private func watchTickets() async throws {
        var log = TroubleLog()
        while true {
            try await environment.retry.sleep(Self.ticketInterval)
            guard board.watchesTickets else { continue }
            do throws(StoreError) {
                board.tickets(overdue: try await overdueTickets())
                log.note(nil, in: environment)
            } catch {
                log.note("tickets that are overdue are not known: \(error.message)", in: environment)
            }
        }
    }

    private func overdueTickets() async throws(StoreError) -> [OverdueTicket] {
        let now = try await store.serverTime()
        var query = TicketQuery(limit: Self.ticketsMax)
        query.dueBefore = now
        query.order = .due
        query.isAscending = true
        var pages = tickets.list(query)
        var overdue: [OverdueTicket] = []
        while overdue.count < Self.ticketsMax {
            let page = try await pages.next()
            if page.isEmpty { break }
            overdue += page.compactMap { ticket in
                ticket.dueAt.map { OverdueTicket(number: ticket.id, since: Timestamp(nanoseconds: $0 * 1_000_000)) }
            }
        }
        return overdue
    }
}
