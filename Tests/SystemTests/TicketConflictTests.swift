import Foundation
import Testing

extension SystemTests {
    /// Two agents who change one ticket, one between the look and the save of the other.
    @Suite(.timeLimit(.minutes(1)))
    struct TicketConflictTests {
        /// Two agents and a ticket, the version of which `mia` has seen before `bob` makes his change.
        private struct Meeting {
            let mia: Agent
            let bob: Agent
            let id: String
            let seen: String

            init(bob change: String...) async throws {
                let desk = try await SupportDesk()
                (mia, bob) = (try desk.agent("mia"), try desk.agent("bob"))
                id = try await mia.create("Broken printer", "--description", "First\nSecond", "--tag", "old")
                try await mia.json("set", id, "status=open")
                seen = try await mia.version(id)
                let ending = try await bob.run([change[0], id] + change.dropFirst())
                try #require(ending.code == 0, "\(ending.error)")
            }

            func set(_ words: String...) async throws -> Ending {
                try await mia.run(["set", id, "--if-version", seen] + words)
            }

            func ticket() async throws -> JSON { try await mia.json("show", id, "--no-mark") }
        }

        @Test func changesOfDifferentFieldsMerge() async throws {
            let meeting = try await Meeting(bob: "set", "priority=urgent", "group=it", "tags=old,bob")
            let ending = try await meeting.set("status=pending", "subject=Better", "tags=mia", "--json")
            #expect(ending.code == 0, "\(ending.error)")
            let ticket = try JSON(ending.text)
            #expect(ticket["priority"] == "urgent" && ticket["group"] == "it", "what bob wanted")
            #expect(ticket["status"] == "pending" && ticket["subject"] == "Better", "what mia wanted")
            #expect(ticket["tags"] == ["bob", "mia"], "tags are additions and removals, and always merge")
            #expect(ticket["version"] == 4)
            #expect(try await meeting.ticket() == ticket)
            let changes = try await meeting.mia.documents("history", meeting.id).map { $0["changes"]?.names }
            #expect(changes[2] == ["priority", "group", "tags"] && changes[3] == ["status", "subject", "tags"])
            #expect(try meeting.mia.keptFiles().isEmpty)
        }

        @Test func theSameValueIsNoConflict() async throws {
            let meeting = try await Meeting(bob: "set", "priority=urgent", "assignee=sam")
            let ending = try await meeting.set("priority=urgent", "assignee=sam", "group=it", "--json")
            #expect(ending.code == 0, "\(ending.error)")
            let ticket = try JSON(ending.text)
            #expect(ticket["priority"] == "urgent" && ticket["assignee"] == "sam" && ticket["group"] == "it")
            let last = try await meeting.mia.documents("history", meeting.id).last
            #expect(last?["changes"]?.names == ["group"], "what was there already is no change")
        }

        @Test func commentsAlwaysMerge() async throws {
            let meeting = try await Meeting(bob: "comment", "From bob")
            let words = ["comment", meeting.id, "From mia", "--if-version", meeting.seen]
            #expect(try await meeting.mia.run(words).code == 0)
            #expect(
                try await meeting.ticket()["comments"]?.elements.map { $0["text"] } == ["From bob", "From mia"]
            )
        }

        @Test func anotherValueOfTheSameFieldIsAConflictAndNothingIsStored() async throws {
            let meeting = try await Meeting(bob: "set", "priority=urgent", "subject=Bob's")
            let before = try await meeting.ticket()
            let ending = try await meeting.set("priority=low", "subject=Mia's", "group=it", "--json")
            #expect(ending.code == 3)
            #expect(ending.lines.count == 1)
            let conflict = try JSON(ending.text)
            #expect(conflict.names == ["conflict"])
            #expect(conflict["conflict"]?.names == ["priority", "subject"], "group is none")
            let events = try await meeting.mia.documents("history", meeting.id)
            for (field, yours, theirs) in [("priority", "low", "urgent"), ("subject", "Mia's", "Bob's")] {
                let sides = conflict["conflict"]?[field]
                #expect(sides?.names == ["yours", "theirs", "by", "at"])
                #expect(sides?["yours"] == .string(yours) && sides?["theirs"] == .string(theirs))
                #expect(sides?["by"] == "bob" && sides?["at"] == events.last?["time"])
            }
            #expect(try await meeting.ticket() == before)
            #expect(events.count == 3)
            let kept = String(decoding: try meeting.mia.keptText(namedIn: ending.error), as: UTF8.self)
            for text in ["priority=low", "subject=Mia's", "group=it"] { #expect(kept.contains(text)) }
        }

        @Test func theReportSaysWhatHappenedAndWhatToTypeNext() async throws {
            let meeting = try await Meeting(bob: "set", "subject=What bob wrote", "priority=urgent")
            let ending = try await meeting.set("subject=What mia wrote", "priority=low")
            #expect(ending.code == 3)
            #expect(ending.output.isEmpty)
            let report = ending.error
            for part in ["subject", "What bob wrote", "What mia wrote", "priority", "urgent", "low", "bob"] {
                #expect(report.contains(part), "\(report)")
            }
            for option in ["--rebase", "--theirs", "--mine"] { #expect(report.contains(option), "\(report)") }
            let versions = [meeting.seen, try await meeting.mia.version(meeting.id)]
            #expect(versions == ["2", "3"])
            #expect(!report.contains("if-version") && !report.lowercased().contains("version"), "\(report)")
            let kept = try meeting.mia.keptText(namedIn: report)
            #expect(String(decoding: kept, as: UTF8.self).contains("What mia wrote"))
        }

        @Test func everySuggestedCommandWorksAsItIsPrinted() async throws {
            let subject = "It's \"quoted\" $HOME `date` \\ ü"
            for (option, expected) in [("--rebase", subject), ("--theirs subject", "Bob's")] {
                let meeting = try await Meeting(bob: "set", "subject=Bob's")
                let report = try await meeting.set("subject=" + subject, "group=it").error
                let lines = report.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
                let line = try #require(lines.first { $0.hasSuffix(option) }, "\(report)")
                let ending = try await shell(line, by: meeting.mia)
                #expect(ending.code == 0, "\(line): \(ending.error)")
                let ticket = try await meeting.ticket()
                #expect(ticket["subject"] == .string(expected), "\(line)")
                #expect(ticket["group"] == "it", "the rest of mia's is stored: \(line)")
                let show = try #require(lines.first { $0.contains(" show ") }, "\(report)")
                #expect(try await shell(show, by: meeting.mia).code == 0, "\(show)")
            }
        }

        /// Types a line into a shell, in which only the programs and the connection are known.
        private func shell(_ line: String, by agent: Agent) async throws -> Ending {
            let folder = (SupportDesk.program ?? "").split(separator: "/").dropLast().joined(separator: "/")
            let path = "/\(folder):" + (ProcessInfo.processInfo.environment["PATH"] ?? "")
            return try await ChildProcess(
                ["/bin/sh", "-c", line],
                environment: agent.environment.merging(["PATH": path]) { $1 },
                folder: agent.desk.desk.folder
            ).wait()
        }

        @Test func rebasePutsMineOnTheTicketAsItIs() async throws {
            let meeting = try await Meeting(bob: "set", "priority=urgent", "group=it")
            let ending = try await meeting.set("priority=low", "subject=Mia's", "--rebase", "--json")
            #expect(ending.code == 0, "\(ending.error)")
            let ticket = try await meeting.ticket()
            #expect(ticket["priority"] == "low" && ticket["subject"] == "Mia's" && ticket["group"] == "it")
            let last = try await meeting.mia.documents("history", meeting.id).last
            #expect(last?["changes"]?["priority"] == ["from": "urgent", "to": "low"])
        }

        @Test func eachFieldCanBeDecided() async throws {
            let meeting = try await Meeting(bob: "set", "priority=urgent", "subject=Bob's", "description=Bob's text")
            let change = ["priority=low", "subject=Mia's", "description=Mia's text", "group=it"]
            let words = ["set", meeting.id, "--if-version", meeting.seen] + change
            let half = try await meeting.mia.run(words + ["--mine", "priority", "--theirs", "subject", "--json"])
            #expect(half.code == 3)
            #expect(try JSON(half.text)["conflict"]?.names == ["description"], "what is left to decide")
            #expect(try await meeting.ticket()["version"] == 3)
            let all = ["--mine", "priority", "--mine", "description", "--theirs", "subject"]
            #expect(try await meeting.mia.run(words + all).code == 0)
            let ticket = try await meeting.ticket()
            #expect(ticket["priority"] == "low" && ticket["subject"] == "Bob's" && ticket["group"] == "it")
            #expect(ticket["description"] == "Mia's text")
        }

        @Test func aStatusStepIsCheckedAgainstTheTicketAsItIs() async throws {
            let meeting = try await Meeting(bob: "close")
            let conflict = try await meeting.set("status=pending", "--json")
            #expect(conflict.code == 3)
            #expect(try JSON(conflict.text)["conflict"]?["status"]?["theirs"] == "closed")
            let forced = try await meeting.set("status=pending", "--rebase")
            #expect(forced.code == 2, "closed cannot become pending: \(forced.error)")
            #expect(try await meeting.ticket()["status"] == "closed")
        }

        @Test func versionsThatNeverWereAreRefused() async throws {
            let meeting = try await Meeting(bob: "set", "priority=urgent")
            let words = ["set", meeting.id, "priority=low", "--if-version", "99"]
            let ending = try await meeting.mia.run(words)
            #expect(ending.code == 2 || ending.code == 64, "\(ending.error)")
            #expect(try await meeting.ticket()["priority"] == "urgent")
        }

        @Test func everyVerbThatChangesFieldsMeetsConflicts() async throws {
            for verb in [["assign", "mia"], ["resolve"], ["reopen"], ["close"], ["claim"]] {
                let meeting = try await Meeting(bob: "set", "assignee=sam", "status=on_hold")
                let words = [verb[0], meeting.id] + verb.dropFirst() + ["--if-version", meeting.seen, "--json"]
                let ending = try await meeting.mia.run(words)
                #expect(ending.code == 3, "\(verb): \(ending.text)\(ending.error)")
                let field = ["assign", "claim"].contains(verb[0]) ? "assignee" : "status"
                #expect(try JSON(ending.text)["conflict"]?.names == [field], "\(verb)")
                #expect(try await meeting.ticket()["version"] == 3)
            }
        }

        @Test func aCommentThatGoesWithAStepIsNotLostInAConflict() async throws {
            let meeting = try await Meeting(bob: "set", "status=on_hold")
            let words = ["resolve", meeting.id, "--comment", "-", "--if-version", meeting.seen]
            let ending = try await meeting.mia.run(words, input: Data("Solved by rebooting\n".utf8))
            #expect(ending.code == 3)
            let kept = String(decoding: try meeting.mia.keptText(namedIn: ending.error), as: UTF8.self)
            #expect(kept.contains("Solved by rebooting"))
            #expect(try await meeting.ticket()["comments"] == [], "neither the step nor its comment")
        }
    }
}
