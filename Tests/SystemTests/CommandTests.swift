import Foundation
import Testing

extension SystemTests {
    @Suite(.timeLimit(.minutes(1)))
    struct CommandTests {
        @Test func initMayBeRunAnyNumberOfTimes() async throws {
            let desk = try await Desk()
            let first = try await desk.run("init", "--json")
            #expect(first.code == 0, "\(first.error)")
            let second = try await desk.run("init", "--json")
            #expect(second.code == 0, "\(second.error)")
            let (done, repeated) = (try JSON(first.text), try JSON(second.text))
            #expect(done["collections"]?.elements.count == done["steps"]?.elements.count)
            #expect(done["collections"] == repeated["collections"])
            #expect(repeated["steps"] == .array([]))
            let text = try await desk.run("init")
            #expect(text.code == 0)
            #expect(text.text.contains(": nothing is sharded.\n"))
            #expect(try await desk.status().collections["market_data"]?.documents == 0)
        }

        @Test func thePlanOfInitChangesNothing() async throws {
            let desk = try await Desk()
            let plan = try await desk.run("init", "--plan", "--json")
            #expect(plan.code == 0, "\(plan.error)")
            let document = try JSON(plan.text)
            #expect(document["done"] == .bool(false) && document["sharded"] == .bool(false))
            #expect(document["steps"]?.elements.first?["step"] == .string("create"))
            #expect(try await desk.run("init", "--plan", "--json").text == plan.text)
        }

        @Test func statusTellsServerSourcesAndCounts() async throws {
            let desk = try await Desk()
            let sample = try await Sample.make(events: 5_000, seed: 41, in: desk.folder)
            _ = try await desk.start(["replay"] + Sample.mapped + ["--limit", "2000", sample.path]).wait()
            let ending = try await desk.run("status", "--json")
            #expect(ending.code == 0)
            #expect(ending.lines.count == 1)
            let status = try JSONDecoder().decode(StatusDocument.self, from: ending.output)
            #expect(status.database == desk.database)
            #expect(status.server.version.contains("."))
            #expect(status.server.topology.contains("replica set"))
            #expect(!status.durability.isEmpty)
            #expect(Set(status.collections.keys).isSuperset(of: ["market_data", "rejects", "gaps", "checkpoints"]))
            let source = try #require(status.sources.first)
            #expect(source.source == "DEMO/feed.ndjson")
            #expect(source.venue == "DEMO")
            #expect(source.format == "ndjson")
            #expect(source.records == 2_000)
            #expect(source.line == 2_000)
            #expect(!source.complete)
            #expect(source.lastEventTime ?? 0 > 1_700_000_000_000_000_000)
            #expect(source.lagBytes ?? -1 >= 0)
            let text = try await desk.run("status")
            #expect(text.code == 0)
            #expect(text.text.contains("DEMO/feed.ndjson"))
        }

        @Test func commandsOnAnEmptyDatabaseHaveNothingToComplainOf() async throws {
            let desk = try await Desk()
            #expect(try await desk.status().sources.isEmpty)
            #expect(try await desk.verifyClean().events == 0)
        }

        @Test(arguments: [
            ["nonsense"], ["replay"], ["replay", "--format", "nope", "f"], ["replay", "--limit", "-1", "f"],
            ["replay", "--speed", "fast", "f"], ["replay", "--source", "s", "f", "g"],
            ["replay", "--date", "soon", "f"],
            ["export"], ["export", "--symbol", "NOVENUE", "--kind", "trade"],
            ["export", "--symbol", "A:B", "--kind", "rumour"],
            ["export", "--symbol", "A:B", "--kind", "trade", "--from", "yesterday"],
            ["export", "--symbol", "A:B", "--kind", "trade", "--format", "xml"],
            ["verify", "--deep"], ["status", "--wait", "0"],
        ])
        func wrongUsageExitsWith64(_ arguments: [String]) async throws {
            let desk = try await Desk()
            let ending = try await desk.runAlone(arguments)
            #expect(ending.code == 64, "\(ending.error)")
            #expect(ending.output.isEmpty)
            #expect(ending.error.contains("Usage:"), "\(ending.error)")
        }

        @Test func aCommandLeavesNothingBehindOnTheMachine() async throws {
            let desk = try await Desk()
            for moment in [Duration.milliseconds(15), .seconds(20)] {
                let process = try desk.start(["status"])
                let end = ContinuousClock.now + moment
                while process.isRunning, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(1)) }
                process.kill()
                _ = try await process.wait()
                // The driver keeps counters in shared memory.
                #expect(!FileManager.default.fileExists(atPath: "/dev/shm/mongoc-\(process.pid)"))
            }
        }

        @Test func helpTellsTheExitCodes() async throws {
            let desk = try await Desk()
            let help = try await desk.runAlone(["--help"])
            #expect(help.code == 0)
            let text = help.text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            #expect(text.contains("0 done, 1 found problems, 2 could not run, 3 conflict, 64 wrong usage"))
            for command in ["init", "replay", "status", "export", "verify"] {
                #expect(text.contains(command))
                #expect(try await desk.runAlone([command, "--help"]).code == 0)
            }
        }

        @Test func theUriOfACommandGoesBeforeTheOneOfTheEnvironment() async throws {
            let desk = try await Desk()
            let elsewhere = ["TAPEDESK_MONGO_URI": "mongodb://127.0.0.1:9/"]
            let given = try await desk.runAlone(["status", "--json", "--mongo", desk.uri], environment: elsewhere)
            #expect(given.code == 0, "\(given.error)")
            let fallback = try await desk.runAlone(["status"], environment: ["TAPEDESK_MONGO_URI": desk.uri])
            #expect(fallback.code == 0, "\(fallback.error)")
        }
    }
}
