import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// A MongoDB that is not there, refuses, goes away, or holds what it should not.
    @Suite(.timeLimit(.minutes(2)))
    struct BadDatabaseTests {
        private static let commands = [
            ["init"], ["status", "--json"], ["verify", "--json"], ["export", "--symbol", "A:B", "--kind", "trade"],
            ["replay", "--json"],
        ]

        @Test func noServerIsReportedWithItsAddressAndWithoutThePassword() async throws {
            let desk = try await Desk()
            let feed = try desk.file("f.ndjson", #"{"symbol":"X","time":1700000000,"price":"1","size":"1"}"# + "\n")
            for command in [Self.commands[1], Self.commands[4]] {
                let arguments = command + (command[0] == "replay" ? [feed] : [])
                let uri = "mongodb://someone:sekret-word@127.0.0.1:9/?replicaSet=rs0"
                let ending = try await desk.runAlone(arguments, environment: ["TAPEDESK_MONGO_URI": uri])
                #expect(ending.code == 2)
                #expect(ending.output.isEmpty)
                #expect(ending.error.contains("127.0.0.1:9"), "\(ending.error)")
                #expect(!ending.error.contains("sekret-word"))
            }
        }

        @Test func aStandaloneServerIsRefusedWithWhatToDo() async throws {
            let server = try await LocalMongo.start(isReplicaSet: false)
            defer { server.stop() }
            let desk = try await Desk(at: server)
            for arguments in [["init"], ["init", "--plan"]] {
                let ending = try await desk.start(arguments).wait()
                #expect(ending.code == 2)
                #expect(ending.error.contains("standalone server"), "\(ending.error)")
                #expect(ending.error.contains("--replSet") && ending.error.contains("durability: development"))
            }
            #expect(try await desk.status().durability == "none")
        }

        @Test func aWrongPasswordIsReportedAndNotRepeated() async throws {
            let desk = try await Desk()
            let uri = desk.uri.replacing("mongodb://", with: "mongodb://someone:sekret-word@")
            for command in Self.commands.dropLast() {
                let ending = try await desk.runAlone(command + ["--mongo", uri])
                #expect(ending.code == 2)
                #expect(ending.output.isEmpty)
                #expect(ending.error.contains("credentials"), "\(ending.error)")
                #expect(!ending.error.contains("sekret-word"))
            }
        }

        @Test(arguments: [
            "", "nonsense", "mongodb://", "http://someone:sekret-word@127.0.0.1/", "mongodb://a:sekret-word@@",
        ])
        func aUriThatIsNoneIsReported(_ uri: String) async throws {
            let desk = try await Desk()
            let ending = try await desk.runAlone(["status"], environment: ["TAPEDESK_MONGO_URI": uri])
            #expect(ending.code == 2)
            #expect(ending.output.isEmpty)
            #expect(ending.error.hasPrefix("tapedesk: "), "\(ending.error)")
            #expect(!ending.error.contains("sekret-word"))
        }

        @Test func aReplayWaitsForAServerThatIsKilledAndGoesOn() async throws {
            let reference = try await Desk()
            let sample = try await Sample.make(events: 400_000, seed: 31, in: reference.folder)
            try await reference.replay(sample)
            let expected = try await reference.exports(of: sample)
            let feed = try Data(contentsOf: URL(fileURLWithPath: sample.path))

            let server = try await LocalMongo.start()
            defer { server.stop() }
            let desk = try await Desk(at: server)
            let replay = try desk.start(
                ["replay", "--json"] + Sample.mapped + ["--source", "live", "-"],
                input: .pipe
            )
            var sent = 0
            for share in [3, 2] {
                // It is in the middle now: something is stored, and the rest has not even been sent.
                let end = feed.count / share
                try await replay.send(feed[sent..<end])
                sent = end
                try await poll("the first part is stored") {
                    (try await desk.status()).sources.first.map { $0.offset > end - 100_000 } ?? false
                }
                server.kill()
                let rest = Task { [sent] in try await replay.send(feed[sent..<min(sent + 20_000_000, feed.count)]) }
                sent = min(sent + 20_000_000, feed.count)
                try await server.restart()
                try await rest.value
                #expect(replay.isRunning, "it waits")
                guard sent < feed.count / 2 else { break }
            }
            try await replay.send(feed[sent...])
            replay.closeInput()
            let ending = try await replay.wait()
            #expect(ending.code == 1, "\(ending.error)")
            let document = try ReplayDocument(ending)
            #expect(document.complete)
            #expect(document.stored == sample.manifest.events)
            try await desk.expectHolds(sample)
            for (actual, wanted) in zip(try await desk.exports(of: sample), expected) { expectSame(actual, wanted) }
        }

        @Test func aReplayEndsInTimeWhenTheServerStaysAwayAndIsContinuedLater() async throws {
            let server = try await LocalMongo.start()
            defer { server.stop() }
            let desk = try await Desk(at: server)
            let sample = try await Sample.make(events: 200_000, seed: 32, in: desk.folder)
            let feed = try Data(contentsOf: URL(fileURLWithPath: sample.path))
            let replay = try desk.start(
                ["replay", "--json", "--wait", "3"] + Sample.mapped + ["--source", "s", "-"],
                input: .pipe
            )
            try await replay.send(feed[..<(feed.count / 2)])
            try await poll("something is stored") {
                (try await desk.status()).sources.first.map { $0.records > 0 } ?? false
            }
            server.kill()
            // The pipe may break under the writer: that is how the end of the reader looks from here.
            try? await replay.send(feed[(feed.count / 2)..<(feed.count - 1_000)])
            // The pipe stays open: the end of the feed is not what ends the program.
            let ending = try await replay.wait()
            #expect(ending.code == 2)
            #expect(ending.output.isEmpty, "no partial summary that looks complete")
            #expect(ending.error.contains("127.0.0.1:\(server.port)"), "\(ending.error)")
            try await server.restart()
            let rest = try await desk.replay(sample, "--source", "s")
            #expect(rest.complete)
            try await desk.expectHolds(sample)
        }

        @Test func aDamagedBlockIsNamedAndHidesNothingElse() async throws {
            let server = try await LocalMongo.shared()
            let desk = try await Desk()
            let sample = try await Sample.make(events: 20_000, seed: 33, in: desk.folder)
            try await desk.replay(sample)
            let (damaged, intact) = (sample.telling[0], sample.telling[1])
            let before = try await desk.export(intact, "trade")
            let output = try await desk.tool(
                "python3",
                Product.oracle("damage_block.py"),
                "\(server.port)",
                desk.database,
                damaged
            )
            let words = String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
            try #require(words.count == 2)

            let verified = try await desk.run("verify", "--json")
            #expect(verified.code == 1)
            let document = try JSONDecoder().decode(VerifyDocument.self, from: verified.output)
            #expect(!document.clean)
            #expect(Set(document.findings.map(\.bucket)) == [words[0]], "this bucket and no other")
            #expect(document.findings.contains { $0.problem.contains("block \(words[1])") }, "\(document.findings)")
            let forPeople = try await desk.run("verify")
            #expect(forPeople.code == 1)
            #expect(forPeople.text.contains(words[0]))

            let export = try await desk.run("export", "--symbol", damaged, "--kind", "trade")
            #expect(export.code == 2)
            #expect(export.error.contains(words[0]) && export.error.contains("block \(words[1])"), "\(export.error)")
            expectSame(try await desk.export(intact, "trade"), before)
        }
    }
}
