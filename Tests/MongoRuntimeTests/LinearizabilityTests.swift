import MongoStore
import TestSupport
import Testing

/// What writers are told of compare-and-set operations on a real mongod has an order that explains all of it.
@Suite(.timeLimit(.minutes(10))) struct LinearizabilityTests {
    @Test func changesOfManyWritersAreLinearizable() async throws {
        try await StoreFixture.run(connections: 6) { fixture in
            let load = RecordedLoad()
            try await load.run(fixture.store) {
                for _ in 0..<20 { try await load.waitForProgress() }
            }
            expectLinearizable(load)
            #expect(load.history.outcomeCounts["conflict", default: 0] > 0)
        }
    }

    @Test func changesOverConnectionsThatBreakAreLinearizable() async throws {
        let server = try await LocalMongo.shared()
        let proxy = try TCPProxy(target: server.port)
        defer { proxy.stop() }
        let store = try await MongoDocumentStore.connect(
            uri: "mongodb://127.0.0.1:\(proxy.port)/?directConnection=true",
            database: LocalMongo.uniqueDatabaseName(),
            connections: 6,
            limits: StoreFixture.quickLimits
        )
        let load = RecordedLoad()
        try await load.run(store) {
            for _ in 0..<15 {
                try await load.waitForProgress()
                // Twice: the driver repeats a write once by itself.
                proxy.cut()
                try await Task.sleep(for: .milliseconds(Int.random(in: 0..<20)))
                proxy.cut()
            }
        }
        expectLinearizable(load)
        try await store.dropDatabaseForTesting()
        await store.close()
    }
}

func expectLinearizable(_ load: RecordedLoad, sourceLocation: SourceLocation = #_sourceLocation) {
    let violations = load.history.violations()
    #expect(violations.isEmpty, "\(violations.joined(separator: "\n"))", sourceLocation: sourceLocation)
    #expect(load.appliedCount > 0, sourceLocation: sourceLocation)
    print("outcomes: \(load.history.outcomeCounts)")
}
