import Foundation
import Testing

extension SystemTests {
    /// What each command takes, prints, and exits with, to the letter of its contract.
    @Suite(.timeLimit(.minutes(1)))
    struct TicketContractTests {
        private static let ticketNames = [
            "id", "subject", "description", "status", "priority", "assignee", "group", "tags", "requester", "comments",
            "created_at", "updated_at", "version",
        ]
        private static let commentNames = ["author", "text", "internal", "time"]

        @Test func createTakesAllOptionsAndPrintsTheTicketAsItIsNow() async throws {
            let mia = try await SupportDesk().agent("mia")
            let ticket = try await mia.json(
                "create",
                "--subject",
                "Drucker „brennt“ 🔥",
                "--requester",
                "Kim@Example.com",
                "--description",
                "It burns.\n# and not a comment",
                "--priority",
                "urgent",
                "--group",
                "it",
                "--tag",
                "fire",
                "--tag",
                "printer"
            )
            #expect(ticket["subject"] == "Drucker „brennt“ 🔥")
            #expect(ticket["requester"] == "kim@example.com")
            #expect(ticket["description"] == "It burns.\n# and not a comment")
            #expect(ticket["status"] == "new")
            #expect(ticket["priority"] == "urgent")
            #expect(ticket["assignee"] == .null)
            #expect(ticket["group"] == "it")
            #expect(ticket["tags"] == ["fire", "printer"])
            #expect(ticket["comments"] == [])
            #expect(ticket["version"] == 1)
            #expect(ticket["created_at"] == ticket["updated_at"])
            let id = try #require(ticket["id"]?.text)
            #expect(try await mia.json("show", id, "--no-mark") == ticket)
            #expect(try mia.keptFiles().isEmpty, "what is stored needs no file")

            let least = try await mia.json("create", "--subject", "S", "--requester", "a@b.example")
            #expect(least["description"] == .null)
            #expect(least["priority"] == "normal")
            #expect(least["tags"] == [])
            #expect(least["id"] != ticket["id"])
        }

        @Test func aDescriptionIsReadFromStandardInput() async throws {
            let mia = try await SupportDesk().agent("mia")
            let words = ["create", "--subject", "S", "--requester", "a@b.example", "--description", "-", "--json"]
            let ending = try await mia.run(words, input: Data("first\n\n  third — ü\n".utf8))
            #expect(ending.code == 0, "\(ending.error)")
            #expect(try JSON(ending.text)["description"] == "first\n\n  third — ü")
        }

        @Test func createSaysWhatItMadeToPeople() async throws {
            let mia = try await SupportDesk().agent("mia")
            let lines = try await mia.lines("create", "--subject", "S", "--requester", "a@b.example")
            try #require(lines.count == 1)
            let id = try #require(lines[0].split(separator: ":").first.map(String.init))
            #expect(try await mia.json("show", id)["subject"] == "S")
        }

        @Test func commentsComeFromArgumentInputAndEditor() async throws {
            let desk = try await SupportDesk()
            let (mia, bob) = (try desk.agent("mia"), try desk.agent("bob"))
            let id = try await mia.create()
            let first = try await mia.json("comment", id, "From an argument")
            #expect(first["version"] == 2)
            try await bob.json("comment", id, "-", "--internal", input: Data("From\nstandard input\n".utf8))
            let written = try mia.editor(#"printf 'From the editor\n' > "$1""#)
            let edited = try await mia.atTerminal("comment", id, environment: written)
            #expect(edited.code == 0, "\(edited.text)")

            let comments = try #require(try await mia.json("show", id)["comments"]).elements
            #expect(comments.map { $0["text"] } == ["From an argument", "From\nstandard input", "From the editor"])
            #expect(comments.map { $0["author"] } == ["mia", "bob", "mia"])
            #expect(comments.map { $0["internal"] } == [false, true, false])
            #expect(try mia.keptFiles().isEmpty && bob.keptFiles().isEmpty)
        }

        @Test func anEditorThatFailsOrLeavesNothingChangesNothing() async throws {
            let mia = try await SupportDesk().agent("mia")
            let id = try await mia.create()
            let emptied = try await mia.atTerminal("comment", id, environment: try mia.editor("exit 0"))
            #expect(emptied.code == 0, "\(emptied.text)")
            #expect(try mia.keptFiles().isEmpty)
            let script = #"printf 'half a sente' > "$1"; exit 1"#
            let failed = try await mia.atTerminal("comment", id, environment: try mia.editor(script))
            #expect(failed.code == 2, "\(failed.text)")
            #expect(try mia.keptText(namedIn: failed.text) == Data("half a sente".utf8))
            #expect(try await mia.version(id) == "1")
        }

        @Test func assignAndClaimSayWhoHasIt() async throws {
            let desk = try await SupportDesk()
            let (mia, bob) = (try desk.agent("mia"), try desk.agent("bob"))
            let id = try await mia.create()
            #expect(try await mia.json("claim", id)["assignee"] == "mia")
            #expect(try await mia.json("claim", id)["version"] == 2, "who has it may claim it, which changes nothing")
            let second = try await bob.run("claim", id, "--json")
            #expect(second.code == 3)
            let conflict = try JSON(second.text)
            #expect(conflict.names == ["conflict"])
            #expect(conflict["conflict"]?.names == ["assignee"])
            let sides = conflict["conflict"]?["assignee"]
            #expect(sides?.names == ["yours", "theirs", "by", "at"])
            #expect(sides?["yours"] == "bob" && sides?["theirs"] == "mia" && sides?["by"] == "mia")
            #expect(try await mia.json("show", id)["assignee"] == "mia")
            #expect(try await bob.json("assign", id, "sam")["assignee"] == "sam", "to assign is to take over")
            #expect(try await bob.json("assign", id, "")["assignee"] == .null)
        }

        @Test func setTakesSeveralFieldsAtOnce() async throws {
            let mia = try await SupportDesk().agent("mia")
            let id = try await mia.create()
            let ticket = try await mia.json(
                "set",
                id,
                "status=on_hold",
                "priority=low",
                "subject=A=B",
                "group=it",
                "tags=x,y",
                "assignee=bob",
                "requester=jo@example.com",
                "description=two\nlines"
            )
            #expect(ticket["version"] == 2, "one change")
            #expect(ticket["subject"] == "A=B", "only the first = parts")
            #expect(ticket["status"] == "on_hold" && ticket["priority"] == "low" && ticket["group"] == "it")
            #expect(ticket["tags"] == ["x", "y"] && ticket["assignee"] == "bob")
            #expect(ticket["requester"] == "jo@example.com" && ticket["description"] == "two\nlines")
            let emptied = try await mia.json("set", id, "group=", "assignee=", "tags=")
            #expect(emptied["group"] == .null && emptied["assignee"] == .null && emptied["tags"] == [])
        }

        @Test func documentsHaveTheFieldsOfTheContractFirst() async throws {
            let mia = try await SupportDesk().agent("mia")
            let id = try await mia.create("S", "--description", "D")
            let commented = try await mia.run("comment", id, "text", "--json")
            let shown = try await mia.run("show", id, "--json")
            for ending in [commented, shown] {
                #expect(ending.lines.count == 1 && ending.text.hasSuffix("\n"))
                #expect(Array(JSON.orderedNames(ending.text).prefix(13)) == Self.ticketNames)
            }
            let comment = try #require(try JSON(shown.text)["comments"]?.elements.first)
            #expect(comment.names.isSuperset(of: Self.commentNames))

            let listed = try await mia.run("list", "--json")
            #expect(listed.lines.count == 1)
            let names = JSON.orderedNames(listed.text)
            #expect(Array(names.prefix(12)) == Self.ticketNames.filter { $0 != "comments" })
            #expect(!names.contains("comments"))
        }

        @Test func historyIsAChainOfWhoChangedWhatFromWhatToWhat() async throws {
            let desk = try await SupportDesk()
            let (mia, bob) = (try desk.agent("mia"), try desk.agent("bob"))
            let id = try await mia.create("S", "--tag", "a")
            try await bob.json("set", id, "status=open", "priority=high")
            try await mia.json("comment", id, "Hello", "--internal")
            try await mia.json("tag", id, "b", "--remove", "a")
            let ending = try await mia.run("history", id, "--json")
            let names = ["sequence", "time", "actor", "operation", "changes", "hash", "previous_hash"]
            for line in ending.lines { #expect(Array(JSON.orderedNames(line).prefix(7)) == names) }
            let events = try ending.lines.map { try JSON($0) }
            #expect(events.map { $0["sequence"] } == [1, 2, 3, 4])
            #expect(events.map { $0["actor"] } == ["mia", "bob", "mia", "mia"])
            #expect(events.map { $0["operation"] } == ["create", "set", "comment", "tag"])
            #expect(
                events[1]["changes"] == [
                    "status": ["from": "new", "to": "open"], "priority": ["from": "normal", "to": "high"],
                ]
            )
            #expect(events[2]["changes"]?["comment"] == ["from": .null, "to": "Hello"])
            #expect(events[3]["changes"]?["tags"] == ["from": ["a"], "to": ["b"]])
            for (event, next) in zip(events, events.dropFirst()) {
                #expect(next["previous_hash"] == event["hash"])
                let times = [event, next].compactMap { $0["time"]?.text }
                #expect(times.count == 2 && times[0] <= times[1])
            }
            #expect(Set(events.map { $0["hash"]?.text }).count == 4)
            #expect(try await mia.json("show", id)["version"] == 4, "the last sequence")
        }

        @Test func whatChangesNothingIsNoEvent() async throws {
            let mia = try await SupportDesk().agent("mia")
            let id = try await mia.create("S", "--tag", "a")
            #expect(try await mia.json("set", id, "subject=S", "priority=normal")["version"] == 1)
            #expect(try await mia.json("tag", id, "a")["version"] == 1)
            #expect(try await mia.documents("history", id).count == 1)
        }

        @Test func anAgentIsNamedByArgumentThenConfigurationThenLogin() async throws {
            let desk = try await SupportDesk()
            let mia = try desk.agent("mia")
            let file = try desk.desk.file("agent.yaml", "tickets:\n  agent: from-file\n")
            let program = try #require(SupportDesk.program)
            let create = ["create", "--subject", "S", "--requester", "a@b.example", "--database", desk.desk.database]
            let login = String(decoding: try await desk.desk.tool("id", "-un"), as: UTF8.self)
                .trimmingCharacters(in: .whitespacesAndNewlines)
            for (options, name) in [(["--as", "arg"], "arg"), ([], "from-file")] {
                let words = [program] + create + ["--config", file] + options
                let ending = try await run(words, by: mia)
                #expect(ending.code == 0, "\(ending.error)")
                #expect(try await lastActor(mia) == name)
            }
            #expect(try await run([program] + create, by: mia).code == 0)
            #expect(try await lastActor(mia) == login)
        }

        private func run(_ words: [String], by agent: Agent) async throws -> Ending {
            try await ChildProcess(words, environment: agent.environment, folder: agent.desk.desk.folder).wait()
        }

        private func lastActor(_ agent: Agent) async throws -> String? {
            let newest = try #require(try await agent.documents("list", "--sort", "created", "--limit", "1").first)
            return try await agent.documents("history", newest["id"]?.text ?? "")[0]["actor"]?.text
        }
    }
}
