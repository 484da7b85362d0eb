import DocumentStore
import Foundation
import Synchronization
import Testing

@testable import Service

@Suite(.timeLimit(.minutes(10))) struct AlertDeliveryTests {
    private let folder = ServiceFolder()
    private let time = FakeTime()
    private let arrived = Collected<String>()
    private let log = Collected<String>()

    private func environment(sleep: (@Sendable (Duration) async throws -> Void)? = nil) throws -> ServiceEnvironment {
        let (time, log) = (time, log)
        let retry = RetryEnvironment(
            now: { time.now },
            sleep: sleep ?? { try await time.sleep($0) },
            random: { 0.5 }
        )
        return try .test(retry: retry, log: { log.add($0) })
    }

    private func delivery(
        from outbox: Outbox,
        attemptsMax: Int? = nil,
        environment: ServiceEnvironment? = nil,
        _ deliver: @escaping @Sendable (String) async -> DeliveryOutcome
    ) throws -> AlertDelivery {
        AlertDelivery(
            name: "hook",
            outbox: outbox,
            attemptsMax: attemptsMax,
            environment: try environment ?? self.environment(),
            deliver: { await deliver(String(decoding: $0.bytes, as: UTF8.self)) }
        )
    }

    private func outbox(_ texts: String...) throws -> Outbox {
        let outbox = try Outbox(folder: folder.path)
        for text in texts { try outbox.put(Array(text.utf8)) }
        return outbox
    }

    /// Delivers until something holds, and ends it.
    private func run(_ delivery: AlertDelivery, until isOver: () -> Bool) async throws {
        let task = Task { try await delivery.run() }
        try await until(isOver)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    /// What the recipient says to the attempts at each letter, in order, and then that it arrived.
    private func recipient(
        _ answers: [String: [DeliveryOutcome]]
    ) -> @Sendable (String) async -> DeliveryOutcome {
        let attempts = Collected<String>()
        let arrived = arrived
        return { text in
            attempts.add(text)
            let number = attempts.all.count { $0 == text }
            if let all = answers[text], number <= all.count { return all[number - 1] }
            arrived.add(text)
            return .delivered
        }
    }

    private static let failure = DeliveryOutcome.failed(reason: "no", retryAfter: nil)

    @Test func lettersArriveInOrderAlsoThoseThatComeMeanwhile() async throws {
        let outbox = try outbox("1", "2")
        let delivery = try delivery(from: outbox, recipient([:]))
        let task = Task { try await delivery.run() }
        try await until { arrived.count == 2 }
        for text in ["3", "4", "5"] { try outbox.put(Array(text.utf8)) }
        try await until { outbox.count == 0 }
        task.cancel()
        _ = await task.result
        #expect(arrived.all == ["1", "2", "3", "4", "5"])
        #expect(time.pauses.isEmpty && log.all.isEmpty)
    }

    @Test func whatFailsIsTriedAgainAfterGrowingPausesAndHoldsUpTheOthers() async throws {
        let outbox = try outbox("1", "2", "3")
        let failures = Array(repeating: Self.failure, count: 12)
        let delivery = try delivery(from: outbox, recipient(["2": failures, "3": [Self.failure]]))
        try await run(delivery) { outbox.count == 0 }
        #expect(arrived.all == ["1", "2", "3"])
        // Half of what is allowed at most, since chance is a half; and from the start again for the next one.
        let growing: [Duration] = [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 150, 150, 150].map { .seconds($0) }
        #expect(time.pauses == growing + [.milliseconds(500)])
        #expect(log.all == ["hook: no", "hook: no (11 times more)", "hook: no"])
    }

    @Test func aRecipientThatAsksForALongerPauseGetsIt() async throws {
        let outbox = try outbox("1")
        let patient = DeliveryOutcome.failed(reason: "busy", retryAfter: .seconds(90))
        let short = DeliveryOutcome.failed(reason: "busy", retryAfter: .milliseconds(1))
        let delivery = try delivery(from: outbox, recipient(["1": [patient, short]]))
        try await run(delivery) { outbox.count == 0 }
        #expect(time.pauses == [.seconds(90), .seconds(1)])
    }

    @Test func whatFailsTooOftenIsGivenUpAndTheNextOneGoesOn() async throws {
        let outbox = try outbox("bad", "good")
        let name = try #require(try outbox.first()).name
        let delivery = try delivery(
            from: outbox,
            attemptsMax: 3,
            recipient(["bad": Array(repeating: Self.failure, count: 5), "good": [Self.failure, Self.failure]])
        )
        try await run(delivery) { outbox.count == 0 }
        #expect(arrived.all == ["good"])
        #expect(folder.names(in: "dead") == [name])
        // Three attempts have two pauses between them; those at the next letter are counted from one.
        #expect(time.pauses.count == 4)
        #expect(log.all.contains { $0.contains("given up after 3 attempts") && $0.contains(name) })
    }

    @Test func cancellationEndsItWhateverItWaitsFor() async throws {
        let empty = try outbox()
        let idle = try delivery(from: empty, recipient([:]))
        let waiting = Task { try await idle.run() }
        for _ in 0..<100 { await Task.yield() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }

        let (full, isPausing) = (try outbox("1"), Latch())
        let environment = try environment { _ in
            isPausing.raise()
            try await Task.sleep(for: .seconds(86_400))
        }
        let failing = try delivery(from: full, environment: environment) { _ in Self.failure }
        let pausing = Task { try await failing.run() }
        await isPausing.wait()
        pausing.cancel()
        await #expect(throws: CancellationError.self) { try await pausing.value }
        #expect(full.count == 1)
    }

    @Test func nothingIsLostAcrossARestart() async throws {
        let (before, failing, arrived) = (try outbox("1", "2", "3"), Latch(), arrived)
        let failingDelivery = try delivery(from: before) { text in
            if text == "1" {
                arrived.add(text)
                return .delivered
            }
            failing.raise()
            return Self.failure
        }
        let task = Task { try await failingDelivery.run() }
        await failing.wait()
        task.cancel()
        _ = await task.result
        let after = try Outbox(folder: folder.path)
        #expect(after.count == 2)
        try await run(delivery(from: after, recipient([:]))) { after.count == 0 }
        #expect(arrived.all == ["1", "2", "3"])
    }

    @Test func anotherDeliveryGoesOnWithTheSameOutbox() async throws {
        let outbox = try outbox("1")
        try await run(delivery(from: outbox, recipient([:]))) { outbox.count == 0 }
        for text in ["2", "3"] { try outbox.put(Array(text.utf8)) }
        try await run(delivery(from: outbox, recipient([:]))) { outbox.count == 0 }
        #expect(arrived.all == ["1", "2", "3"])
    }

    @Test func anAttemptThatWasCancelledIsNoReasonToGiveUp() async throws {
        let (outbox, isUnderWay) = (try outbox("1"), Latch())
        let delivery = try delivery(from: outbox, attemptsMax: 1) { _ in
            isUnderWay.raise()
            // As requests do, which end with their task.
            try? await Task.sleep(for: .seconds(86_400))
            return .failed(reason: "the request was cancelled", retryAfter: nil)
        }
        let task = Task { try await delivery.run() }
        await isUnderWay.wait()
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(outbox.count == 1 && folder.names(in: "dead").isEmpty)
    }

    @Test func aDiskThatFailsIsTriedAgainAndSaidOnce() async throws {
        let outbox = try outbox("1")
        let path = "\(folder.path)/\(try #require(try outbox.first()).name)"
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        let (pauses, time) = (Collected<Duration>(), time)
        let environment = try environment { pause in
            pauses.add(pause)
            if pauses.count == 3 {
                try FileManager.default.removeItem(atPath: path)
                try Data("1".utf8).write(to: URL(filePath: path))
            }
            try await time.sleep(pause)
        }
        try await run(delivery(from: outbox, environment: environment, recipient([:]))) { outbox.count == 0 }
        #expect(arrived.all == ["1"])
        #expect(pauses.all == Array(repeating: .seconds(30), count: 3))
        #expect(log.all.count == 2 && log.all.first?.contains(path) == true)
        #expect(log.all.last?.hasSuffix("(2 times more)") == true)
    }
}
