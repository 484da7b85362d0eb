import Glibc
import Testing

@testable import MongoRuntime

@Suite struct WorkerThreadTests {
    private actor Counter {
        let worker: WorkerThread
        private(set) var count = 0

        nonisolated var unownedExecutor: UnownedSerialExecutor { worker.asUnownedSerialExecutor() }

        init(_ worker: WorkerThread) { self.worker = worker }

        func increase() -> pthread_t {
            precondition(worker.isCurrent)
            count += 1
            return pthread_self()
        }
    }

    @Test func runsEveryJobOnItsOneThread() async throws {
        let worker = try WorkerThread(name: "test")
        let counter = Counter(worker)
        let threads = await withTaskGroup(of: pthread_t.self) { group in
            for _ in 0..<1_000 {
                group.addTask { await counter.increase() }
            }
            return await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(threads.count == 1)
        #expect(await counter.count == 1_000)
        #expect(worker.isCurrent == false)
        await worker.stop()
    }

    @Test func stoppingEndsTheThreadAndCanBeRepeated() async throws {
        let worker = try WorkerThread(name: "stop")
        async let first: Void = worker.stop()
        async let second: Void = worker.stop()
        _ = await (first, second)
        await worker.stop()
        #expect(worker.queuedCount == 0)
    }

    @Test func threadsDoNotPileUp() async throws {
        for _ in 0..<2_000 {
            let worker = try WorkerThread(name: "many")
            await worker.stop()
        }
    }
}
