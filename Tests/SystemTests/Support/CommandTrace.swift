import Foundation
import Synchronization
import TestSupport
import Testing

/// The commands that a program sent to MongoDB, and those it started in its turn.
///
/// Every program of a system test has one. On a sharded cluster a command that does not name the shard key goes to all
/// shards: each of them has to be in `KnownBroadcasts`, with the reason.
final class CommandTrace: Sendable {
    private static let variable = "TAPEDESK_COMMAND_TRACE"

    private let folder = NSTemporaryDirectory() + "/tapedesk-trace-\(UInt64.random(in: 0 ... .max))"
    private let isChecked = Mutex(false)

    /// What asks a program for the trace.
    var environment: [String: String] { [Self.variable: folder] }

    /// Records an issue for every broadcast that nobody gave a reason for; once, when the program has ended.
    func check(_ program: String) {
        let isFirst = isChecked.withLock { isChecked in
            defer { isChecked = true }
            return !isChecked
        }
        guard isFirst, FileManager.default.fileExists(atPath: folder) else { return }
        defer { try? FileManager.default.removeItem(atPath: folder) }
        do {
            for command in try commands() where !KnownBroadcasts.has(command) {
                Issue.record("a broadcast without a reason: \(command), by \(program)")
            }
        } catch {
            Issue.record("the trace of \(program) cannot be read: \(error)")
        }
    }

    /// What was sent to all shards.
    private func commands() throws -> Set<TracedCommand> {
        var result: Set<TracedCommand> = []
        for file in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let lines = try Data(contentsOf: URL(filePath: "\(folder)/\(file)")).split(separator: UInt8(ascii: "\n"))
            for line in lines {
                let command = try JSONDecoder().decode(TracedCommand.self, from: line)
                if command.target(shardKeys: KnownBroadcasts.shardKeys) == .broadcast { result.insert(command) }
            }
        }
        return result
    }
}
