import BSON
import DocumentStore
import MongoStore
import Testing

/// What goes wrong with being told of changes.
extension FailureTests {
    @Test(arguments: [40_573, 20, 115] as [Int32])
    func serverWithoutChangeStreamsIsTold(code: Int32) async throws {
        try await expectOfChanges(.unsupported, failing: "aggregate", ["errorCode": .int32(code)])
    }

    @Test(arguments: [286, 280, 260] as [Int32])
    func lostPlaceIsTold(code: Int32) async throws {
        try await expectOfChanges(.historyLost, failing: "getMore", ["errorCode": .int32(code)])
    }

    @Test func passingErrorsLeaveTheTokenGood() async throws {
        try await expectOfChanges(.unavailable, failing: "getMore", ["errorCode": .int32(43)])
        try await expectOfChanges(.unavailable, failing: "getMore", ["closeConnection": true])
        try await expectOfChanges(
            .unavailable,
            failing: "getMore",
            ["errorCode": .int32(237), "errorLabels": ["ResumableChangeStreamError"]]
        )
    }

    /// Expects an error, and that the token from before it serves afterwards.
    private func expectOfChanges(_ code: StoreError.Code, failing command: String, _ how: BSONDocument) async throws {
        try await StoreFixture.run { fixture in
            let start = try await fixture.store.changedDocuments(in: "things", after: nil, waiting: .zero)
            _ = await fixture.store.attempt(Change.create(1))
            try await fixture.fail([command], times: 1, how)
            do throws(StoreError) {
                _ = try await fixture.store.changedDocuments(in: "things", after: start.token, waiting: .zero)
                Issue.record("no error")
            } catch {
                #expect(error.code == code)
            }
            let notice = try await fixture.store.changedDocuments(
                in: "things",
                after: start.token,
                waiting: .seconds(20)
            )
            #expect(notice.ids == [1])
        }
    }
}
