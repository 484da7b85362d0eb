import Foundation
import Testing

extension SystemTests {
    /// What goes wrong has an exit code, one message, and no effect.
    @Suite(.timeLimit(.minutes(1)))
    struct TicketExitCodeTests {
        private static let impossible: [(code: Int32, words: [String])] = [
            (2, ["show", "4711"]), (2, ["history", "4711"]), (2, ["comment", "4711", "text"]), (2, ["claim", "4711"]),
            (2, ["set", "4711", "status=open"]), (2, ["edit", "4711"]), (2, ["watch", "4711"]),
            (2, ["merge", "1", "into", "4711"]), (2, ["merge", "4711", "into", "1"]), (2, ["merge", "1", "into", "1"]),
            (2, ["split", "1", "--subject", "S", "--comments", "9"]),
            (2, ["set", "1", "status=new"]),
            (64, ["set", "1", "colour=red"]), (64, ["set", "1", "version=1"]), (64, ["set", "1", "comments=x"]),
            (64, ["set", "1", "status=done"]), (64, ["set", "1", "status="]), (64, ["set", "1", "priority=top"]),
            (64, ["set", "1", "subject="]), (64, ["set", "1", "requester=nobody"]), (64, ["set", "1", "subject"]),
            (64, ["set", "1", "status=open", "status=pending"]), (64, ["set", "1"]),
            (64, ["set", "1", "status=open", "--if-version", "0"]),
            (64, ["set", "1", "status=open", "--if-version", "x"]),
            (64, ["set", "1", "status=open", "--mine", "colour"]),
            (64, ["set", "1", "status=open", "--mine", "status", "--theirs", "status"]),
            (64, ["show", "1", "--colour"]), (64, ["show"]), (64, ["fix", "1"]), (64, ["assign", "1"]),
            (64, ["create", "--subject", "S"]), (64, ["create", "--subject", "S", "--requester", "nobody"]),
            (64, ["create", "--subject", "S", "--requester", "a@b.example", "--priority", "top"]),
            (64, ["create", "--subject", " ", "--requester", "a@b.example"]),
            (64, ["create", "--subject", "S", "--requester", "a@b.example", "--tag", "two words"]),
            (64, ["comment", "1", ""]), (64, ["comment", "1"]), (64, ["tag", "1"]), (64, ["merge", "1", "onto", "2"]),
            (64, ["list", "--status", "done"]), (64, ["list", "--limit", "0"]), (64, ["list", "--sort", "colour"]),
            (64, ["list", "--columns", "colour"]), (64, ["list", "--older-than", "x"]), (64, ["search"]),
            (64, ["erase", "--requester", "kim@example.com"]), (64, ["show", "1", "--wait", "0"]),
        ]

        @Test func aCommandThatCannotBeDoneSaysSoAndChangesNothing() async throws {
            let mia = try await SupportDesk().agent("mia")
            try #require(try await mia.create() == "1")
            let before = try await mia.json("set", "1", "status=open")
            for (code, words) in Self.impossible {
                let ending = try await mia.run(words)
                #expect(ending.code == code, "\(words): \(ending.error)")
                #expect(ending.output.isEmpty, "\(words)")
                #expect(!ending.error.isEmpty && !ending.error.contains("Fatal"), "\(words): \(ending.error)")
            }
            #expect(try await mia.json("show", "1", "--no-mark") == before)
            #expect(try await mia.documents("list").count == 1)
        }

        @Test func aStepThatIsNotAllowedIsNamedWithThoseThatAre() async throws {
            let mia = try await SupportDesk().agent("mia")
            let id = try await mia.create()
            try await mia.json("close", id)
            let ending = try await mia.run("set", id, "status=pending")
            #expect(ending.code == 2)
            #expect(ending.error.contains("closed") && ending.error.contains("pending"), "\(ending.error)")
            #expect(ending.error.contains("can become open"), "\(ending.error)")
            #expect(try await mia.json("reopen", id)["status"] == "open")
        }

        @Test func noDatabaseIsSaidWithItsAddressAndTheTextKept() async throws {
            let mia = try await SupportDesk().agent("mia")
            let away = ["--mongo", "mongodb://someone:sekret-word@127.0.0.1:9/?replicaSet=rs0", "--wait", "1"]
            let list = try mia.start(["list"] + away)
            let comment = try mia.start(["comment", "1", "typed with care"] + away)
            let ending = try await list.wait()
            #expect(ending.code == 2)
            #expect(ending.output.isEmpty)
            let commented = try await comment.wait()
            #expect(commented.code == 2)
            #expect(try mia.keptText(namedIn: commented.error) == Data("typed with care".utf8))
            for message in [ending.error, commented.error] {
                #expect(message.contains("127.0.0.1:9") && !message.contains("sekret-word"), "\(message)")
                #expect(!message.contains("typed with care"))
            }
        }

        @Test func aBrokenConfigurationIsNamedByPlace() async throws {
            let desk = try await SupportDesk()
            let mia = try desk.agent("mia")
            let id = try await mia.create()
            let broken = try desk.desk.file("broken.yaml", "tickets:\n  roles:\n    mia: boss\n")
            let missing = desk.desk.folder + "/missing.yaml"
            for (file, part) in [(broken, "broken.yaml:3:"), (missing, missing), (desk.desk.folder, desk.desk.folder)] {
                let named = try await mia.run("set", id, "status=open", "--config", file)
                #expect(named.code == 2, "\(named.error)")
                #expect(named.error.contains(part), "\(named.error)")
                let found = try await mia.run("set", id, "status=open", environment: ["TAPEDESK_CONFIG": file])
                #expect(found.code == 2, "\(found.error)")
                #expect(found.error.contains(part), "\(found.error)")
            }
            #expect(try await mia.version(id) == "1")
        }

        @Test func aTextSurvivesABrokenConfiguration() async throws {
            let desk = try await SupportDesk()
            let mia = try desk.agent("mia")
            let id = try await mia.create()
            let broken = try desk.desk.file("broken.yaml", "tickets: [")
            let text = Data("piped with care".utf8)
            let found = try await mia.run("comment", id, "-", input: text, environment: ["TAPEDESK_CONFIG": broken])
            #expect(found.code == 2)
            #expect(try mia.keptText(namedIn: found.error) == text)
            let named = try await mia.run("comment", id, "-", "--config", broken, input: text)
            #expect(named.code == 2)
            #expect(try mia.keptText(namedIn: named.error) == text)
        }
    }
}
