package import Alerts
package import BSON
package import DocumentStore
import Live
import MarketData
import Records

/// How handing over a letter went.
package enum DeliveryOutcome: Sendable {
    case delivered
    /// It may be tried again, not before so much time where somebody said so.
    case failed(reason: String, retryAfter: Duration?)
    /// It will never be taken.
    case undeliverable(reason: String)
}

/// Brings letters from an outbox to a recipient, one after the other, until they arrived.
package struct AlertDelivery: Sendable {
    /// For messages.
    private let name: String
    private let outbox: Outbox
    /// A letter is given up after so many attempts; nil for never.
    private let attemptsMax: Int?
    private let environment: ServiceEnvironment
    private let deliver: @Sendable (Outbox.Letter) async -> DeliveryOutcome

    /// The pause after a failure grows up to this.
    private static let pauseMax: Duration = .seconds(300)
    /// A disk that fails is tried again so much later.
    private static let diskPause: Duration = .seconds(30)

    package init(
        name: String,
        outbox: Outbox,
        attemptsMax: Int?,
        environment: ServiceEnvironment,
        deliver: @escaping @Sendable (Outbox.Letter) async -> DeliveryOutcome
    ) {
        self.name = name
        self.outbox = outbox
        self.attemptsMax = attemptsMax
        self.environment = environment
        self.deliver = deliver
    }

    /// Delivers until the task is cancelled.
    ///
    /// Letters are kept in order: one that does not arrive holds up those behind it until it is given up.
    ///
    /// - Throws: `CancellationError`.
    package func run() async throws {
        var delay = ReconnectDelay(first: .seconds(1), longest: Self.pauseMax)
        var attempts = 0
        var log = TroubleLog()
        while true {
            do {
                try Task.checkCancellation()
                guard let letter = try outbox.first() else {
                    await outbox.wait()
                    continue
                }
                switch await deliver(letter) {
                case .delivered:
                    try outbox.remove(letter)
                    attempts = 0
                    delay.reset()
                    log.note(nil, in: environment)
                case .undeliverable(let reason):
                    try outbox.bury(letter)
                    environment.log("\(name): an alert is given up: \(letter.name): \(reason)", .error)
                    attempts = 0
                case .failed(let reason, let retryAfter):
                    // An attempt that ended with the task says nothing of the recipient.
                    try Task.checkCancellation()
                    attempts += 1
                    log.note("\(name): \(reason)", in: environment)
                    if let attemptsMax, attempts >= attemptsMax {
                        try outbox.bury(letter)
                        environment.log(
                            "\(name): an alert is given up after \(attempts) attempts: \(letter.name)",
                            .error
                        )
                        attempts = 0
                        continue
                    }
                    let pause = delay.next(environment.retry.random())
                    try await environment.retry.sleep(max(pause, retryAfter ?? .zero))
                }
            } catch let error as Outbox.Failure {
                log.note("\(name): \(error)", .error, in: environment)
                try await environment.retry.sleep(Self.diskPause)
            }
        }
    }
}

extension Alert {
    /// The alert as it is stored.
    package var document: BSONDocument {
        typealias Field = AlertsCollection.Field
        return [
            DocumentField.id: .string(id),
            Field.rule: .string(rule),
            Field.severity: .string(severity.rawValue),
            Field.subject: .string(subject.description),
            Field.message: .string(message),
            Field.value: .string(value),
            Field.threshold: .string(threshold),
            Field.eventTime: eventTime.isAbsent ? .null : .int64(eventTime.nanoseconds),
            Field.receivedAt: .int64(receiptTime.nanoseconds),
        ]
    }
}

/// Stores alerts.
package struct AlertStore: Sendable {
    private let writer: VersionedWriter
    private let operationIDs: OperationIDs

    package init(writer: VersionedWriter, operationIDs: OperationIDs) {
        self.writer = writer
        self.operationIDs = operationIDs
    }

    /// Stores the alert that a letter holds; one that is stored already stays as it is.
    package func store(_ letter: Outbox.Letter) async -> DeliveryOutcome {
        typealias Field = AlertsCollection.Field
        guard let document = try? BSONDocument(validating: letter.bytes), let id = document[DocumentField.id],
            let subject = document[Field.subject]
        else {
            return .undeliverable(reason: "it holds no alert")
        }
        var fields = document.fields.filter { $0.key != DocumentField.id && $0.key != Field.subject }.map {
            ($0.key, $0.value)
        }
        fields.append((DocumentField.schemaVersion, .int64(AlertsCollection.schemaVersion)))
        let change = VersionedChange(
            key: DocumentKey(
                collection: AlertsCollection.name,
                id: id,
                shardKey: DocumentKey.ShardKey(field: Field.subject, value: subject)
            ),
            action: .create(BSONDocument(fields)),
            operationID: operationIDs.make()
        )
        switch await writer.apply(change) {
        case .applied, .conflict: return .delivered
        case .failed(let error) where error.code == .refused: return .undeliverable(reason: error.message)
        case .failed(let error), .unknown(let error): return .failed(reason: error.message, retryAfter: nil)
        case .notFound: return .failed(reason: "the alert was not stored", retryAfter: nil)
        }
    }
}
