import Foundation
import Testing

extension SystemTests {
    /// The check for commands that go to all shards notices what it is to notice.
    @Suite(.timeLimit(.minutes(1)))
    struct CommandTraceTests {
        @Test func aBroadcastWithoutAReasonFailsTheTest() throws {
            for (line, isNoticed) in [
                (#"{"command":"update","collection":"market_data","filter":{"_id":["="],"version":["="]}}"#, true),
                (#"{"command":"find","collection":"gaps","filter":{"is_open":["="],"stream":["="]}}"#, true),
                (#"{"command":"find","collection":"gaps","filter":{"is_open":["="]}}"#, false),
                (#"{"command":"find","collection":"checkpoints","filter":{}}"#, false),
                ("no JSON", true),
            ] {
                let trace = CommandTrace()
                let folder = try #require(trace.environment.values.first)
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                try Data((line + "\n").utf8).write(to: URL(filePath: folder + "/program-1.ndjson"))
                if isNoticed {
                    withKnownIssue { trace.check("a program") }
                } else {
                    trace.check("a program")
                }
                #expect(!FileManager.default.fileExists(atPath: folder))
            }
        }

        @Test func programsTellWhatTheySend() async throws {
            let desk = try await Desk()
            let folder = desk.folder + "/trace"
            let ending = try await desk.runAlone(
                ["status", "--json", "--mongo", desk.uri, "--database", desk.database],
                environment: ["TAPEDESK_COMMAND_TRACE": folder]
            )
            #expect(ending.code == 0, "\(ending.error)")
            let files = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(files.count == 1 && files.allSatisfy { $0.hasPrefix("tapedesk-") })
            let text = try String(contentsOfFile: "\(folder)/\(try #require(files.first))", encoding: .utf8)
            #expect(text.contains(#"{"command":"find","collection":"gaps","filter":{"is_open":["="]}}"# + "\n"))
        }
    }
}
