import BSON
import Glibc
import TestSupport
import Testing

@testable import MongoRuntime

@Suite(.timeLimit(.minutes(10))) struct ConnectionPoolTests {
    private func withPool(connections: Int, _ body: (ConnectionPool) async throws -> Void) async throws {
        let uri = try await LocalMongo.shared().uri()
        let pool = ConnectionPool(configuration: try MongoConfiguration(uri: uri, connectionCount: connections))
        do {
            try await body(pool)
        } catch {
            await pool.close()
            throw error
        }
        await pool.close()
    }

    private static let deadline = Duration.seconds(180)

    @Test func moreCallersThanConnectionsAllGetTheirTurn() async throws {
        try await withPool(connections: 3) { pool in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<300 {
                    group.addTask {
                        try await pool.withConnection(deadline: .now + Self.deadline) { connection throws(MongoError) in
                            try connection.ping(database: "admin")
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func waitingEndsAtTheDeadlineAndByCancellation() async throws {
        try await withPool(connections: 1) { pool in
            // The server holds the one connection for this long.
            let holder = Task {
                try await pool.withConnection(deadline: .now + Self.deadline) { connection throws(MongoError) in
                    let stages: BSONValue = [["$documents": [[:]]], ["$addFields": ["x": Self.slow]]]
                    try connection.command(["aggregate": 1, "pipeline": stages, "cursor": [:]], database: "admin")
                }
            }
            var code = MongoError.Code.server
            // Until the holder has the connection, the wait is none.
            while code != .poolExhausted {
                do throws(MongoError) {
                    try await pool.withConnection(deadline: .now + .milliseconds(5)) { _ throws(MongoError) in }
                    await Task.yield()
                } catch {
                    code = error.code
                }
            }
            let cancelled = Task {
                try await pool.withConnection(deadline: .now + Self.deadline) { _ throws(MongoError) in }
            }
            cancelled.cancel()
            await #expect(throws: MongoError(.closed, "the operation was cancelled before it was sent to MongoDB")) {
                try await cancelled.value
            }
            _ = try await holder.value
        }
    }

    private static let slow: BSONValue = [
        "$function": ["body": "function() { sleep(400); return 1; }", "args": [], "lang": "js"]
    ]

    @Test func closingTurnsAwayAndEndsThreads() async throws {
        let uri = try await LocalMongo.shared().uri()
        let pool = ConnectionPool(configuration: try MongoConfiguration(uri: uri, connectionCount: 2))
        try await pool.withConnection(deadline: .now + Self.deadline) { connection throws(MongoError) in
            try connection.ping(database: "admin")
        }
        async let first: Void = pool.close()
        async let second: Void = pool.close()
        _ = await (first, second)
        await #expect(throws: MongoError.self) {
            try await pool.withConnection(deadline: .now + Self.deadline) { _ throws(MongoError) in }
        }
    }

    @Test func unusedPoolClosesAtOnce() async throws {
        let pool = ConnectionPool(configuration: try MongoConfiguration(uri: "mongodb://h/"))
        await pool.close()
    }

    /// In a process of its own: what other tests take would hide a leak.
    @Test func manyCommandsDoNotGrowMemory() async throws {
        await #expect(processExitsWith: .success) {
            let server = try await LocalMongo.start()
            let pool = ConnectionPool(configuration: try MongoConfiguration(uri: server.uri(), connectionCount: 1))
            let run = { (count: Int) in
                try await pool.withConnection(deadline: .now + .seconds(120)) { connection throws(MongoError) in
                    let namespace = MongoNamespace(database: "leak", collection: "c")
                    for _ in 0..<count {
                        try connection.ping(database: "leak")
                        _ = try connection.find(
                            namespace,
                            filter: ["_id": 1],
                            options: ["limit": 1],
                            limits: .init(documentCount: 1)
                        )
                    }
                }
            }
            try await run(2_000)
            let before = Self.residentBytes()
            try await run(20_000)
            let growth = Self.residentBytes() - before
            await pool.close()
            server.stop()
            // 144 bytes leaked per reply would be 5.8 MB.
            #expect(growth < 4 << 20, "resident memory grew by \(growth / 1024) KiB")
        }
    }

    /// Resident memory of this process.
    private static func residentBytes() -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var text = [CChar](repeating: 0, count: 128)
        guard fgets(&text, 128, file) != nil else { return 0 }
        let line = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return (Int(line.split(separator: " ")[1]) ?? 0) * 4096
    }
}
