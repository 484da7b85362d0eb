import Foundation
import Testing

extension SystemTests {
    /// Histories that somebody damaged, and those that outgrow their ticket.
    @Suite(.timeLimit(.minutes(1)))
    struct TicketHistoryTests {
        /// A ticket with four events, the second of which is a comment.
        private static func ticket(_ agent: Agent) async throws -> String {
            let id = try await agent.create("Broken printer", "--tag", "a")
            try await agent.json("comment", id, "Which one?")
            try await agent.json("set", id, "status=open", "priority=high")
            try await agent.json("comment", id, "The big one")
            return id
        }

        @Test func whateverIsDoneToEventsIsFoundAndNamed() async throws {
            let desk = try await SupportDesk()
            let mia = try desk.agent("mia")
            let intact = try await Self.ticket(mia)
            var damaged: [String: (how: String, event: Int)] = [:]
            for (how, event) in [
                ("change_text", 2), ("change_time", 2), ("remove_middle", 2), ("remove_last", 4), ("reorder", 2),
            ] { damaged[try await Self.ticket(mia)] = (how, event) }
            let clean = try await desk.verify()
            #expect(clean["clean"] == true && clean["tickets"] == 6 && clean["events"] == 24 && clean["problems"] == 0)

            for (id, damage) in damaged { try await desk.store("tamper", id, damage.how) }
            let report = try await desk.verify(exits: 1)
            #expect(report["clean"] == false)
            let findings = try #require(report["findings"]).elements
            #expect(Set(findings.compactMap { $0["ticket"]?.text }) == Set(damaged.keys), "and not \(intact)")
            for (id, damage) in damaged {
                let own = findings.filter { $0["ticket"]?.text == id }
                #expect(own.contains { $0["sequence"]?.integer == damage.event }, "\(damage): \(own)")
                #expect(own.contains { $0["problem"]?.text?.contains("\(damage.event)") == true }, "\(damage): \(own)")
            }
            let forPeople = try await desk.desk.run("verify", "--tickets")
            #expect(forPeople.code == 1)
            for id in damaged.keys { #expect(forPeople.text.contains("ticket \(id): "), "\(forPeople.text)") }
            #expect(!forPeople.text.contains("ticket \(intact): "))
            #expect(!forPeople.text.contains("never written") && !forPeople.text.contains("big one"), "no ticket text")
        }

        @Test func aLongHistoryMovesIntoTheArchiveUnseen() async throws {
            let desk = try await SupportDesk()
            let (mia, bob) = (try desk.agent("mia"), try desk.agent("bob"))
            let id = try await mia.create()
            try await bob.json("set", id, "priority=urgent")
            var texts: [String] = []
            for number in 1...7 {
                texts.append("\(number) " + String(repeating: "text ü \(number) ", count: 20_000))
                let ending = try await mia.run("comment", id, "-", input: Data(texts[number - 1].utf8))
                try #require(ending.code == 0, "\(ending.error)")
            }
            let archived = Int(try await desk.store("count", "support_history").trimmingCharacters(in: .newlines))
            #expect(try #require(archived) > 0)
            let ticket = try await bob.json("show", id)
            #expect(ticket["comments"]?.elements.map { $0["text"]?.text } == texts)
            #expect(ticket["version"] == 9)
            let events = try await bob.documents("history", id)
            #expect(events.compactMap { $0["sequence"]?.integer } == Array(1...9))
            #expect(zip(events, events.dropFirst()).allSatisfy { $0["hash"] == $1["previous_hash"] })
            let report = try await desk.verify()
            #expect(report["events"] == 9 && report["archives"]?.integer == archived)

            // What an agent saw may lie in the archive by now.
            let words = ["set", id, "priority=low", "--if-version", "1", "--json"]
            let conflict = try await mia.run(words)
            #expect(conflict.code == 3)
            #expect(try JSON(conflict.text)["conflict"]?["priority"]?["by"] == "bob")
            let exported = try await mia.lines("export")
            #expect(try JSON(exported[0])["history"]?.elements.count == 9)
        }

        @Test func damageOfTheArchiveIsFoundAndNamed() async throws {
            let desk = try await SupportDesk()
            let mia = try desk.agent("mia")
            var ids: [String] = []
            let text = Data(String(repeating: "long ", count: 80_000).utf8)
            for how in ["change_text", "remove_middle", "reorder", "remove"] {
                let id = try await mia.create()
                for _ in 1...4 { try await mia.json("comment", id, "-", input: text) }
                if how == "remove" {
                    try await desk.store("unarchive", id)
                } else {
                    try await desk.store("archive", id, how)
                }
                ids.append(id)
            }
            let report = try await desk.verify(exits: 1)
            let findings = try #require(report["findings"]).elements
            for id in ids {
                let own = findings.filter { $0["ticket"]?.text == id }
                #expect(own.contains { ($0["sequence"]?.integer ?? 9) <= 3 }, "\(id): \(own)")
            }
        }
    }
}
