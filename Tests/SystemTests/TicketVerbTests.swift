import Foundation
import Testing

extension SystemTests {
    /// Steps of the status, tags, merging and splitting, and many tickets at once.
    @Suite(.timeLimit(.minutes(1)))
    struct TicketVerbTests {
        @Test func aTicketGoesThroughItsStates() async throws {
            let mia = try await SupportDesk().agent("mia")
            let id = try await mia.create()
            let resolved = try await mia.json("resolve", id, "--comment", "Rebooted")
            #expect(resolved["status"] == "resolved" && resolved["version"] == 2, "the step and its comment are one")
            #expect(resolved["comments"]?.elements.map { $0["text"] } == ["Rebooted"])
            let reopened = try await mia.json("reopen", id, "--comment", "Still broken", "--internal")
            #expect(reopened["status"] == "open")
            #expect(reopened["comments"]?.elements.last?["internal"] == true)
            #expect(try await mia.json("close", id)["status"] == "closed")
            #expect(try await mia.json("close", id)["version"] == 4, "closed already")
            #expect(try await mia.run("resolve", id).code == 2, "what is over is only reopened")
            #expect(try await mia.json("reopen", id)["status"] == "open")
            let operations = try await mia.documents("history", id).map { $0["operation"] }
            #expect(operations == ["create", "resolve", "reopen", "close", "reopen"])
        }

        @Test func everyStepThatIsAllowedIsPossibleAndNoOther() async throws {
            let mia = try await SupportDesk().agent("mia")
            let all = ["new", "open", "pending", "on_hold", "resolved", "closed"]
            let settled: [String: Set<String>] = ["resolved": ["open", "closed"], "closed": ["open"]]
            for from in all {
                var id = try await mia.create()
                for to in all where to != from {
                    if from != "new" { try await mia.json("set", id, "status=\(from)", "--rebase") }
                    let isAllowed = settled[from]?.contains(to) ?? (to != "new")
                    let ending = try await mia.run("set", id, "status=\(to)")
                    #expect(ending.code == (isAllowed ? 0 : 2), "\(from) to \(to): \(ending.error)")
                    if isAllowed { id = try await mia.create() }
                }
            }
        }

        @Test func tagsAreAddedAndRemoved() async throws {
            let mia = try await SupportDesk().agent("mia")
            let id = try await mia.create("S", "--tag", "a", "--tag", "b")
            let ticket = try await mia.json("tag", id, "c", "ü-d", "a", "--remove", "b", "--remove", "never-there")
            #expect(ticket["tags"] == ["a", "c", "ü-d"])
            #expect(try await mia.json("tag", id, "--remove", "c")["tags"] == ["a", "ü-d"])
            #expect(try await mia.run("tag", id, "two words").code == 64)
        }

        @Test func targetsOfTheConfigurationSayWhatIsDue() async throws {
            let desk = try await SupportDesk()
            let mia = try desk.agent("mia")
            let targets = "tickets:\n  targets:\n    high: { first_response: 90s, resolution: 2h }\n"
            let config = try desk.desk.file("targets.yaml", targets)
            let words = ["create", "--subject", "S", "--requester", "kim@example.com", "--priority", "high", "--json"]
            let created = try JSON(try await mia.run(words + ["--config", config]).text)
            #expect(try seconds(from: created["created_at"], to: created["due_at"]) == 90)
            let id = try #require(created["id"]?.text)
            let answered = try await mia.json("comment", id, "We look into it", "--config", config)
            #expect(try seconds(from: created["created_at"], to: answered["due_at"]) == 7_200)
            #expect(answered["first_response_at"] == answered["updated_at"])
            let resolved = try await mia.json("resolve", id, "--config", config)
            #expect(resolved["due_at"] == .null && resolved["resolved_at"] == resolved["updated_at"])
        }

        private func seconds(from start: JSON?, to end: JSON?) throws -> Double {
            let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
            let times = try [start, end].map { try style.parse(try #require($0?.text)) }
            return times[1].timeIntervalSince(times[0]).rounded()
        }

        @Test func aMergedTicketIsClosedAndItsThreadShownByTheOther() async throws {
            let desk = try await SupportDesk()
            let (mia, bob) = (try desk.agent("mia"), try desk.agent("bob"))
            let (kept, merged) = (try await mia.create("Kept"), try await mia.create("Merged"))
            try await mia.json("comment", kept, "one")
            try await bob.json("comment", merged, "two")
            try await mia.json("comment", kept, "three")
            let ticket = try await bob.json("merge", merged, "into", kept)
            #expect(ticket["id"] == .string(kept))
            #expect(ticket["comments"]?.elements.map { $0["text"] } == ["one", "two", "three"], "by their time")
            let other = try await mia.json("show", merged)
            #expect(other["status"] == "closed" && other["merged_into"] == .string(kept))
            #expect(other["comments"]?.elements.map { $0["text"] } == ["two"], "no text is moved")
            #expect(try await mia.lines("show", kept).contains { $0.contains("two") })
            for id in [kept, merged] {
                #expect(try await mia.documents("history", id).last?["operation"] == "merge")
            }
            let again = try await mia.json("merge", merged, kept)
            #expect(again["version"] == ticket["version"], "merged already, and 'into' may be left out")
            #expect(try await mia.run("merge", kept, "into", merged).code == 2, "no ring")
            _ = try await desk.verify()
        }

        @Test func aSplitTicketTakesCommentsAlong() async throws {
            let desk = try await SupportDesk()
            let mia = try desk.agent("mia")
            let id = try await mia.create("Both", "--tag", "a", "--group", "it", "--priority", "high")
            for text in ["one", "two", "three"] { try await mia.json("comment", id, text) }
            let new = try await mia.json("split", id, "--subject", "Only that", "--comments", "2,4")
            #expect(new["subject"] == "Only that" && new["description"] == "one\n\nthree")
            #expect(new["requester"] == "kim@example.com" && new["split_from"] == .string(id))
            #expect(new["tags"] == ["a"] && new["group"] == "it" && new["priority"] == "high")
            let original = try await mia.json("show", id)
            #expect(original["split_tickets"]?.elements == [try #require(new["id"])])
            #expect(original["comments"]?.elements.count == 3, "it keeps them")
            for numbers in ["1", "9", "2,9"] {
                let ending = try await mia.run("split", id, "--subject", "S", "--comments", numbers)
                #expect(ending.code == 2, "\(numbers): \(ending.error)")
            }
            #expect(try await mia.documents("list").count == 2)
            _ = try await desk.verify()
        }

        // MARK: - Bulk

        @Test func aBulkSaysWhatBecameOfEachInTheOrderOfTheIds() async throws {
            let desk = try await SupportDesk()
            let (mia, bob) = (try desk.agent("mia"), try desk.agent("bob"))
            var ids: [String] = []
            for number in 1...12 { ids.append(try await mia.create("Ticket \(number)")) }
            try await bob.json("claim", ids[3])
            let input = ([ids[11], "4711"] + ids[0..<11] + [ids[0]]).joined(separator: "\n") + "\n"
            let claim = try await mia.run("bulk", "claim", "--json", input: Data(input.utf8))
            #expect(claim.code == 1, "some failed: \(claim.error)")
            let outcomes = try claim.lines.map { try JSON($0) }
            #expect(outcomes.compactMap { $0["id"]?.text } == [ids[11], "4711"] + ids[0..<11], "each once")
            let expected = outcomes.map { outcome -> JSON in
                outcome["id"] == "4711" ? "failed" : outcome["id"] == .string(ids[3]) ? "conflict" : "saved"
            }
            #expect(outcomes.map { $0["outcome"] } == expected)
            #expect(outcomes.allSatisfy { ($0["error"] == .null) == ($0["outcome"] == "saved") })
            let owners = try await mia.documents("list", "--sort", "created", "--reverse").map { $0["assignee"] }
            #expect(owners == ids.map { $0 == ids[3] ? "bob" : "mia" })
        }

        @Test func aBulkExitsByTheWorstOfItsOutcomes() async throws {
            let desk = try await SupportDesk()
            let (mia, bob) = (try desk.agent("mia"), try desk.agent("bob"))
            let (first, second) = (try await mia.create("First"), try await mia.create("Second"))
            let both = Data("# ids\n\n  \(first)  what follows does not count\n\(second)\r\n".utf8)
            let saved = try await mia.run("bulk", "claim", input: both)
            #expect(saved.code == 0, "\(saved.error)")
            #expect(saved.lines.count == 2 && saved.lines[0].hasPrefix("\(first):"), "\(saved.text)")
            let again = try await mia.run("bulk", "claim", "--json", input: both)
            #expect(again.code == 0)
            #expect(try again.lines.map { try JSON($0)["outcome"] } == ["unchanged", "unchanged"])
            #expect(try await bob.run("bulk", "claim", input: both).code == 3)
            let bad = try await bob.run("bulk", "claim", input: both + Data("4711\n".utf8))
            #expect(bad.code == 1, "a failure is worse than a conflict")
            #expect(try await mia.run("bulk", "resolve", input: Data()).code == 0, "nothing to do is done")
            for words in [["comment", "-"], ["comment"], ["resolve", "--comment", "-"]] {
                let ending = try await mia.run(["bulk"] + words, input: both)
                #expect(ending.code == 64, "the ids have the standard input: \(words)")
            }
            #expect(try await mia.run("bulk", "set", "status=done", input: both).code == 64)
            let broken = try await mia.run("bulk", "claim", input: Data([0x31, 0xFF]))
            #expect(broken.code == 64 || broken.code == 2, "\(broken.error)")
        }

        @Test func aListIsWhatABulkTakes() async throws {
            let mia = try await SupportDesk().agent("mia")
            for number in 1...30 {
                _ = try await mia.create("Ticket \(number)", "--tag", number % 2 == 0 ? "even" : "odd")
            }
            let list = try await mia.run("list", "--tag", "even", "--columns", "id")
            let ids = list.lines.dropFirst().joined(separator: "\n")
            let ending = try await mia.run(
                "bulk",
                "resolve",
                "--comment",
                "Done with all of these",
                input: Data(ids.utf8)
            )
            #expect(ending.code == 0 && ending.lines.count == 15, "\(ending.error)")
            let resolved = try await mia.documents("list", "--status", "resolved")
            #expect(resolved.count == 15 && resolved.allSatisfy { $0["tags"] == ["even"] && $0["comment_count"] == 1 })
        }
    }
}
