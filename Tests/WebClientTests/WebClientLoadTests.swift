import Dispatch
import Synchronization
import TestSupport
import Testing
import WebClient

/// Many requests at once, and requests that nobody wants any more.
@Suite struct WebClientLoadTests {
    /// How a request ended: its status, or the code of its error.
    enum Outcome: Equatable, Sendable {
        case status(Int)
        case error(WebError.Code)
    }

    static func outcome(_ client: WebClient, _ request: WebRequest) async -> Outcome {
        do throws(WebError) {
            return .status(try await client.send(request).status)
        } catch {
            return .error(error.code)
        }
    }

    /// Counts how many requests a server has at a time, and holds them until they may go.
    final class Gate: Sendable {
        private let counts = Mutex((now: 0, most: 0))
        private let semaphore = DispatchSemaphore(value: 0)

        var most: Int { counts.withLock { $0.most } }

        func pass() {
            counts.withLock { counts in
                counts.now += 1
                counts.most = max(counts.most, counts.now)
            }
            semaphore.wait()
            // Before the answer: the client starts the next one only after it.
            counts.withLock { $0.now -= 1 }
        }

        func open(for count: Int) {
            for _ in 0..<count { semaphore.signal() }
        }
    }

    @Test func moreThanMayWaitAreTurnedAway() async throws {
        let gate = Gate()
        let server = try LocalWebServer { _ in
            gate.pass()
            return .init(204)
        }
        let client = try WebClient(transfersMax: 3, waitingMax: 5)
        let outcomes = await withTaskGroup(of: Outcome.self) { group in
            for number in 1...12 {
                group.addTask { await Self.outcome(client, WebClientTests.request(server.url("/\(number)"))) }
            }
            var outcomes: [Outcome] = []
            while let outcome = await group.next() {
                outcomes.append(outcome)
                // The server holds all others back until those that are too many were turned away, and it has as many
                // as may be with it.
                guard outcomes.count == 4 else { continue }
                let deadline = ContinuousClock.now + .seconds(60)
                while gate.most < 3, ContinuousClock.now < deadline { await Task.yield() }
                gate.open(for: 8)
            }
            return outcomes
        }
        #expect(outcomes.prefix(4).allSatisfy { $0 == .error(.tooManyRequests) })
        #expect(outcomes.dropFirst(4).allSatisfy { $0 == .status(204) })
        #expect(outcomes.count == 12)
        #expect(gate.most == 3)
    }

    @Test func whatIsAtItsEndMakesRoom() async throws {
        let server = try LocalWebServer { $0.target == "/cut" ? .garbage("") : .init(204) }
        let client = try WebClient(transfersMax: 1, waitingMax: 0)
        for _ in 1...5 {
            #expect(await Self.outcome(client, WebClientTests.request(server.url())) == .status(204))
            let cut = WebClientTests.request(server.url("/cut"))
            #expect(await Self.outcome(client, cut) == .error(.connectionLost))
        }
    }

    @Test func hundredsAtOnceAreAllAnswered() async throws {
        let server = try LocalWebServer { .init(text: $0.target) }
        let client = try WebClient()
        let wrong = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 1...280 {
                group.addTask {
                    let response = try await client.send(WebClientTests.request(server.url("/\(number)")))
                    return response.body != Array("/\(number)".utf8)
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(wrong == 0)
        #expect(server.requests.count == 280)
        #expect(server.connectionCount <= 32)
    }

    @Test func theDeadlineOfOneThatWaitsCountsFromItsCall() async throws {
        let server = try LocalWebServer { _ in .silence }
        let client = try WebClient(transfersMax: 1)
        // The second ends when its own time is over: neither at the end of the first, nor by a timer of its connecting.
        async let first = Self.outcome(client, WebClientTests.request(server.url("/first"), deadline: .seconds(300)))
        _ = await server.requests(atLeast: 1)
        let second = WebClientTests.request(server.url("/second"), deadline: .milliseconds(600))
        #expect(await Self.outcome(client, second) == .error(.timedOut))
        #expect(server.requests.map(\.target) == ["/first"])
        await client.close()
        #expect(await first == .error(.closed))
    }

    @Test func aCancelledTaskEndsItsRequest() async throws {
        let server = try LocalWebServer { _ in .silence }
        let client = try WebClient()
        let task = Task { await Self.outcome(client, WebClientTests.request(server.url())) }
        _ = await server.requests(atLeast: 1)
        task.cancel()
        #expect(await task.value == .error(.cancelled))
        await server.departures(atLeast: 1)
    }

    @Test func aCancelledTaskLeavesTheQueue() async throws {
        let server = try LocalWebServer { $0.target == "/first" ? .silence : .init(204) }
        let client = try WebClient(transfersMax: 1, waitingMax: 1)
        let first = Task { await Self.outcome(client, WebClientTests.request(server.url("/first"))) }
        _ = await server.requests(atLeast: 1)
        let second = Task { await Self.outcome(client, WebClientTests.request(server.url("/second"))) }
        second.cancel()
        #expect(await second.value == .error(.cancelled))
        // Its place is free again.
        async let third = Self.outcome(client, WebClientTests.request(server.url("/third")))
        first.cancel()
        #expect(await first.value == .error(.cancelled))
        #expect(await third == .status(204))
        #expect(server.requests.map(\.target) == ["/first", "/third"])
    }

    @Test func aTaskThatIsCancelledAlreadySendsNothing() async throws {
        let server = try LocalWebServer { _ in .init() }
        let client = try WebClient()
        // Many, since a request and its cancellation may also reach the client's thread together.
        for _ in 1...500 {
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return await Self.outcome(client, WebClientTests.request(server.url()))
            }
            #expect(await task.value == .error(.cancelled))
        }
        #expect(server.connectionCount == 0)
    }

    @Test func cancellationsAtAnyMomentEndEveryRequestOnce() async throws {
        let server = try LocalWebServer { _ in .init(204) }
        let client = try WebClient(transfersMax: 4, waitingMax: 1_000)
        let outcomes = await withTaskGroup(of: Outcome.self) { group in
            for number in 1...300 {
                group.addTask {
                    let task = Task { await Self.outcome(client, WebClientTests.request(server.url("/\(number)"))) }
                    for _ in 0..<(number % 7) { await Task.yield() }
                    if number % 3 != 0 { task.cancel() }
                    return await task.value
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count == 300)
        #expect(outcomes.allSatisfy { $0 == .status(204) || $0 == .error(.cancelled) })
        #expect(outcomes.filter { $0 == .status(204) }.count >= 100)
    }

    @Test func closingEndsWhatIsUnderWayAndWhatWaits() async throws {
        let server = try LocalWebServer { _ in .silence }
        let client = try WebClient(transfersMax: 2)
        let outcomes = await withTaskGroup(of: Outcome.self) { group in
            for _ in 1...6 { group.addTask { await Self.outcome(client, WebClientTests.request(server.url())) } }
            _ = await server.requests(atLeast: 2)
            await client.close()
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes == Array(repeating: .error(.closed), count: 6))
        await server.departures(atLeast: 2)
        await client.close()
        #expect(await Self.outcome(client, WebClientTests.request(server.url())) == .error(.closed))
    }

    @Test func aClientThatIsGoneLeavesNoConnections() async throws {
        let server = try LocalWebServer { _ in .silence }
        do {
            let client = try WebClient()
            async let lost = Self.outcome(client, WebClientTests.request(server.url(), deadline: .milliseconds(50)))
            #expect(await lost == .error(.timedOut))
        }
        await server.departures(atLeast: 1)
    }

    @Test func manyClientsComeAndGo() async throws {
        let server = try LocalWebServer { _ in .init(204) }
        for _ in 1...50 {
            let response = try await WebClient().send(WebClientTests.request(server.url()))
            #expect(response.status == 204)
        }
    }
}
