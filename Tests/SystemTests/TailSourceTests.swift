import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// Files that grow, and that the daemon follows.
    @Suite(.timeLimit(.minutes(5)), .enabled(if: Product.hasTool("curl"), "there is no curl program"))
    struct TailSourceTests {
        @Test func whatIsAppendedIsStored() async throws {
            let tail = try await TailDesk()
            let daemon = try tail.service.serve()
            // There is no file yet, which is no trouble.
            try await daemon.wait(for: "ready")
            var written = 0
            for count in [3, 1, 50, 1_000] {
                try tail.append((written + 1)...(written + count))
                written += count
                try await tail.waitUntilStored(Array(1...written))
            }
            #expect(try await daemon.source("files", in: "files")?["stored_events"]?.integer == written)
            try await tail.service.desk.verifyClean()
            try await daemon.stop()
        }

        @Test func halfALineIsCompletedLater() async throws {
            let tail = try await TailDesk()
            try tail.append(1...10)
            let first = try tail.service.serve()
            try await tail.waitUntilStored(Array(1...10))
            let line = MarketLines.line(11)
            try tail.append(String(line.prefix(20)))
            try tail.append(String(line.dropFirst(20).prefix(5)))
            try await first.stop()
            #expect(try await tail.stored() == Array(1...10))
            #expect(try await tail.service.desk.records("rejects").isEmpty)
            let second = try tail.service.serve()
            try tail.append(String(line.dropFirst(25)) + MarketLines.text(12...20))
            try await tail.waitUntilStored(Array(1...20))
            #expect(try await tail.service.desk.records("rejects").isEmpty)
            try await second.stop()
        }

        @Test func rotationByRenamingLosesNothing() async throws {
            let tail = try await TailDesk()
            let daemon = try tail.service.serve()
            var (expected, number) = ([Int](), 0)
            for round in 0..<4 {
                try tail.append((number + 1)...(number + 100))
                try await tail.waitUntilStored(expected + Array((number + 1)...(number + 100)))
                // Who writes it has it open, and goes on for some time.
                let writer = try FileHandle(forWritingTo: URL(filePath: tail.path))
                try writer.seekToEnd()
                try FileManager.default.moveItem(atPath: tail.path, toPath: tail.path + ".\(round)")
                try writer.write(contentsOf: Data(MarketLines.text((number + 101)...(number + 150)).utf8))
                try writer.close()
                number += 150
                expected = Array(1...number)
            }
            try tail.append((number + 1)...(number + 10))
            try await tail.waitUntilStored(expected + Array((number + 1)...(number + 10)))
            #expect(try await daemon.source("files", in: "files")?["done"] == 4)
            #expect(try await daemon.readiness().status == "ready")
            try await tail.service.desk.verifyClean()
            try await daemon.stop()
        }

        @Test func aFileThatIsCutShorterIsAnErrorThatIsSaidOnce() async throws {
            let tail = try await TailDesk()
            let daemon = try tail.service.serve()
            try tail.append(1...100)
            try await tail.waitUntilStored(Array(1...100))
            truncate(tail.path, 0)
            try await daemon.wait(for: "degraded")
            #expect(try await daemon.readiness().reasons.contains { $0.contains("was cut from") })
            try await poll("it was looked at for some time") {
                try await (daemon.status()["uptime_seconds"]?.integer ?? 0) >= 6
            }
            #expect(daemon.count("was cut from") == 1, "\(daemon.log)")
            // What is written then is another file.
            try tail.append(101...200)
            try await tail.waitUntilStored(Array(1...200))
            try await daemon.wait(for: "ready")
            try await daemon.stop()
        }

        @Test func aFileThatLosesItsEndIsAnErrorThatIsSaidOnce() async throws {
            let tail = try await TailDesk()
            let daemon = try tail.service.serve()
            try tail.append(1...100)
            try await tail.waitUntilStored(Array(1...100))
            truncate(tail.path, off_t(MarketLines.text(1...50).utf8.count))
            try await daemon.wait(for: "degraded")
            try await poll("it was looked at for some time") {
                try await (daemon.status()["uptime_seconds"]?.integer ?? 0) >= 6
            }
            let lines = daemon.log.split(separator: "\n").filter { $0.contains(tail.path) }
                .map { $0.components(separatedBy: "files: ").last }
            #expect(Set(lines).count == lines.count && (1...3).contains(lines.count), "\(daemon.log)")
            #expect(try await daemon.readiness().status == "degraded")
            #expect(try await tail.stored() == Array(1...100))
            try await daemon.stop()
        }

        @Test func aKilledDaemonGoesOnWhereItWas() async throws {
            let tail = try await TailDesk()
            var written = 0
            for _ in 0..<3 {
                let daemon = try tail.service.serve()
                try tail.append((written + 1)...(written + 20_000))
                try await poll("some is stored") { try await tail.stored().count > written }
                written += 20_000
                try await daemon.kill()
            }
            let daemon = try tail.service.serve()
            try await tail.waitUntilStored(Array(1...written))
            try await tail.service.desk.verifyClean()
            try await daemon.stop()
        }
    }
}

/// A service with a file that it follows.
private struct TailDesk {
    let service: ServiceDesk
    let path: String

    init() async throws {
        service = try await ServiceDesk()
        path = service.desk.folder + "/live.ndjson"
        let keys = ["name: files", "kind: tail", "path: \"\(path)\""] + MarketLines.format
        try service.configure("sources:\n  - { \(keys.joined(separator: ", ")) }")
    }

    func append(_ numbers: some Sequence<Int>) throws { try append(MarketLines.text(numbers)) }

    /// Writes at the end, where the file is made if there is none.
    func append(_ text: String) throws {
        if !FileManager.default.fileExists(atPath: path) { try Data().write(to: URL(filePath: path)) }
        let file = try FileHandle(forWritingTo: URL(filePath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data(text.utf8))
        try file.close()
    }

    func stored() async throws -> [Int] { try await service.stored(MarketLines.instrument) }

    func waitUntilStored(_ expected: [Int], sourceLocation: SourceLocation = #_sourceLocation) async throws {
        var stored: [Int] = []
        do {
            try await poll("all is stored") {
                stored = try await self.stored()
                return stored == expected
            }
        } catch {
            let missing = Set(expected).subtracting(stored).count
            let comment: Comment = "\(stored.count) are stored, \(missing) of \(expected.count) missing"
            Issue.record(comment, sourceLocation: sourceLocation)
            throw error
        }
    }
}
