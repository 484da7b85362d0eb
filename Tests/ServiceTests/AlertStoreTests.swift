import BSON
import DocumentStore
import MarketData
import Records
import SimulatedStore
import Testing

@testable import Alerts
@testable import Service

/// An alert of a rule that nobody wrote.
func sampleAlert(_ rule: String = "rule", severity: AlertSeverity = .warning, at time: Timestamp) throws -> Alert {
    Alert(
        rule: try AlertRule(name: rule, scope: .sources([]), condition: .silent(.seconds(1)), severity: severity),
        subject: .source("binance"),
        finding: AlertFinding(message: "Silent.", value: "2", threshold: "1"),
        at: time,
        heldBack: 0
    )
}

@Suite(.timeLimit(.minutes(10))) struct AlertStoreTests {
    private let folder = ServiceFolder()
    private let store = SimulatedStore(seed: 1)
    private let alerts: AlertStore

    init() {
        let writer = VersionedWriter(
            store: store,
            policy: RetryPolicy(deadline: .seconds(5)),
            environment: store.clock.environment
        )
        alerts = AlertStore(writer: writer, operationIDs: OperationIDs(process: 1, start: 0))
    }

    private func letter(_ bytes: [UInt8]) throws -> Outbox.Letter {
        let outbox = try Outbox(folder: folder.path)
        try outbox.put(bytes)
        let letter = try #require(try outbox.first())
        try outbox.remove(letter)
        return letter
    }

    private var stored: [BSONDocument] { store.documents(in: AlertsCollection.name) }

    @Test func anAlertIsStoredOnceThoughItsLetterComesTwice() async throws {
        let alert = try sampleAlert(at: testTime)
        let letter = try letter(alert.document.bytes)
        #expect(await alerts.store(letter) == .delivered)
        let first = stored
        #expect(await alerts.store(letter) == .delivered)
        #expect(stored == first && first.count == 1)
        let document = try #require(first.first)
        #expect(document[DocumentField.id] == .string(alert.id))
        #expect(document[DocumentField.version] == .int64(1))
        #expect(document[DocumentField.schemaVersion] == .int64(AlertsCollection.schemaVersion))
        #expect(document[AlertsCollection.Field.subject] == .string("binance"))
        #expect(document[AlertsCollection.Field.message] == .string("Silent."))
        #expect(document[AlertsCollection.Field.eventTime] == .null)
        #expect(document[AlertsCollection.Field.receivedAt] == .int64(testTime.nanoseconds))
    }

    @Test func noFieldIsStoredTwice() async throws {
        _ = await alerts.store(try letter(sampleAlert(at: testTime).document.bytes))
        let keys = try #require(stored.first).fields.map(\.key)
        #expect(Set(keys).count == keys.count, "\(keys)")
    }

    @Test func differentAlertsAreAllStored() async throws {
        for (rule, time) in [("a", testTime), ("b", testTime), ("a", Timestamp(nanoseconds: 1))] {
            #expect(await alerts.store(try letter(sampleAlert(rule, at: time).document.bytes)) == .delivered)
        }
        #expect(stored.count == 3)
    }

    @Test func anAnswerThatIsLostLeavesOneAlert() async throws {
        store.injectAttempts([.lostReply, .lostRequest])
        #expect(await alerts.store(try letter(sampleAlert(at: testTime).document.bytes)) == .delivered)
        #expect(stored.count == 1)
    }

    @Test func aPassingTroubleIsReportedAndTheNextAttemptStores() async throws {
        var faults = FaultPlan()
        faults.unavailable = 1
        faults.readUnavailable = 1
        store.faults = faults
        let letter = try letter(sampleAlert(at: testTime).document.bytes)
        guard case .failed(let reason, nil) = await alerts.store(letter) else {
            Issue.record("it was not stored")
            return
        }
        #expect(!reason.isEmpty && stored.isEmpty)
        store.faults = FaultPlan()
        #expect(await alerts.store(letter) == .delivered)
        #expect(stored.count == 1)
    }

    @Test func whatHoldsNoAlertIsRefusedByName() async throws {
        for bytes in [[], Array("{}".utf8), BSONDocument().bytes] as [[UInt8]] {
            let letter = try letter(bytes)
            guard case .undeliverable(let reason) = await alerts.store(letter) else {
                Issue.record("\(bytes) was taken")
                continue
            }
            #expect(!reason.isEmpty)
        }
        #expect(stored.isEmpty)
    }
}

/// Whether outcomes are the same.
func == (left: DeliveryOutcome, right: DeliveryOutcome) -> Bool {
    switch (left, right) {
    case (.delivered, .delivered): true
    case (.failed(let reason, let pause), .failed(let other, let otherPause)): reason == other && pause == otherPause
    default: false
    }
}
