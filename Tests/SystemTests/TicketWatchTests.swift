import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// Seeing changes as they happen.
    @Suite(.timeLimit(.minutes(1)))
    struct TicketWatchTests {
        /// A `ticket watch` that runs, and what it has written so far.
        private struct Watch {
            let process: ChildProcess
            private let output: String
            private let messages: String

            /// Starts watching and waits until it says so.
            init(_ agent: Agent, _ words: String...) async throws {
                let base = agent.home + "/watch-\(UInt64.random(in: 0 ... .max))"
                (output, messages) = (base + ".out", base + ".err")
                let line = #"out=$1 err=$2; shift 2; exec "$@" >"$out" 2>"$err""#
                process = try ChildProcess(
                    ["/bin/sh", "-c", line, "watch", output, messages] + agent.words(["watch"] + words),
                    environment: agent.environment,
                    folder: agent.desk.desk.folder
                )
                try await poll("it watches") { [messages] in
                    (try? String(contentsOfFile: messages, encoding: .utf8))?.contains("watching") ?? false
                }
            }

            var lines: [String] {
                get throws {
                    let text = try String(contentsOfFile: output, encoding: .utf8)
                    return text.split(separator: "\n").map(String.init)
                }
            }

            func waitForLines(_ count: Int) async throws {
                try await poll("\(count) changes are seen") { try lines.count >= count }
            }

            /// The changes that were seen, each as ticket and sequence, once the watch has ended by itself.
            func seen() async throws -> [String] {
                let ending = try await process.wait()
                #expect(ending.code == 0, "\((try? String(contentsOfFile: messages, encoding: .utf8)) ?? "")")
                return try lines.map { line in
                    let event = try JSON(line)
                    return "\(event["ticket"]?.text ?? "?") \(event["sequence"]?.integer ?? 0)"
                }
            }
        }

        @Test func everyChangeIsSeenOnceAndInOrder() async throws {
            let desk = try await SupportDesk()
            let (mia, bob) = (try desk.agent("mia"), try desk.agent("bob"))
            let (first, second) = (try await mia.create("First"), try await mia.create("Second"))
            try await mia.json("comment", first, "before anybody watches")
            let watch = try await Watch(bob, "--json", "--count", "6")
            try await mia.json("set", first, "status=open", "priority=high")
            try await bob.json("comment", second, "by the watcher itself")
            try await mia.json("set", first, "priority=high")
            try await mia.json("comment", first, "text")
            try await mia.json("comment", first, "text")
            let third = try await mia.create("Third")
            try await mia.json("close", second)
            let seen = try await watch.seen()
            #expect(seen == ["\(first) 3", "\(second) 2", "\(first) 4", "\(first) 5", "\(third) 1", "\(second) 3"])
            let event = try JSON(try watch.lines[0])
            #expect(event == (try await mia.documents("history", first)[2]), "as the history has it")
        }

        @Test func onlyTheNamedTicketsAreWatched() async throws {
            let desk = try await SupportDesk()
            let mia = try desk.agent("mia")
            try await desk.replay([
                #"{"ticket":"E-1","sequence":1,"type":"create","fields":{"subject":"S","requester":"kim@example.com"}}"#
            ])
            let (first, second) = (try await mia.create("First"), try await mia.create("Second"))
            let watch = try await Watch(mia, "E-1", second, "--json", "--count", "2")
            try await mia.json("comment", first, "not this")
            try await mia.json("comment", second, "this")
            try await mia.json("comment", first, "not this")
            try await mia.json("comment", "E-1", "and this")
            let imported = try #require(try await mia.json("show", "E-1")["id"]?.text)
            #expect(try await watch.seen() == ["\(second) 2", "\(imported) 2"])
        }

        @Test func peopleReadALineForEachChange() async throws {
            let mia = try await SupportDesk().agent("mia")
            let id = try await mia.create()
            let watch = try await Watch(mia, "--count", "1")
            try await mia.json("set", id, "status=open")
            _ = try await watch.process.wait()
            let line = try #require(try watch.lines.first)
            for part in [id, "mia", "status", "new", "open"] { #expect(line.contains(part), "\(line)") }
        }

        @Test(arguments: [SIGINT, SIGTERM])
        func anInterruptEndsItInOrder(_ signal: Int32) async throws {
            let mia = try await SupportDesk().agent("mia")
            let watch = try await Watch(mia)
            kill(watch.process.pid, signal)
            #expect(try await watch.process.wait().code == 0)
        }

        @Test func aServerThatComesBackIsWatchedOn() async throws {
            let server = try await LocalMongo.start()
            defer { server.stop() }
            let desk = try await SupportDesk(at: server)
            let mia = try desk.agent("mia")
            let id = try await mia.create()
            let watch = try await Watch(mia, "--json", "--count", "4")
            try await mia.json("comment", id, "one")
            try await watch.waitForLines(1)
            try await server.restart()
            #expect(watch.process.isRunning)
            try await mia.json("comment", id, "two")
            try await mia.json("comment", id, "three")
            try await watch.waitForLines(3)
            try await server.restart()
            try await mia.json("comment", id, "four")
            #expect(try await watch.seen() == (2...5).map { "\(id) \($0)" })
        }
    }
}
