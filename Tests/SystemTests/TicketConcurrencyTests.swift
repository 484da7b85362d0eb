import Foundation
import Testing

extension SystemTests {
    /// Many processes at the same ticket at the same time.
    @Suite(.timeLimit(.minutes(1)))
    struct TicketConcurrencyTests {
        /// A change that a process was told about: what it wanted, and how it ended.
        private struct Change: Sendable {
            let agent: String
            let value: String
            let isComment: Bool
            let code: Int32?
            let message: String
        }

        @Test func everyAcknowledgedChangeIsThereOnceAndNoOther() async throws {
            let desk = try await SupportDesk()
            let id = try await desk.agent("mia").create()
            let changes = try await withThrowingTaskGroup(of: [Change].self) { group in
                for number in 1...8 {
                    let agent = try desk.agent("agent\(number)")
                    group.addTask { try await Self.work(agent, id) }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(changes.count == 80)
            #expect(changes.allSatisfy { $0.code == 0 || $0.code == 3 }, "\(Set(changes.map(\.message)))")
            #expect(changes.allSatisfy { !$0.isComment || $0.code == 0 }, "a comment meets no conflict")

            let events = try await desk.agent("mia").documents("history", id)
            let made = events.dropFirst().map { event in
                let change = event["changes"]
                let value = change?["comment"]?["to"]?.text ?? change?["subject"]?["to"]?.text ?? "?"
                return "\(event["actor"]?.text ?? "?"): \(value)"
            }
            #expect(made.sorted() == changes.filter { $0.code == 0 }.map { "\($0.agent): \($0.value)" }.sorted())
            #expect(events.compactMap { $0["sequence"]?.integer } == Array(1...events.count))
            let ticket = try await desk.agent("mia").json("show", id)
            #expect(ticket["version"]?.integer == events.count)
            #expect(ticket["comments"]?.elements.count == 40)
            for number in 1...8 {
                // What one agent wrote one after the other comes in that order.
                let own = made.filter { $0.hasPrefix("agent\(number): comment") }
                #expect(own == (0..<10).filter { $0 % 2 == 0 }.map { "agent\(number): comment agent\(number) \($0)" })
            }
            let last = events.last { $0["changes"]?["subject"] != nil }
            #expect(ticket["subject"] == last?["changes"]?["subject"]?["to"])
            _ = try await desk.verify()
        }

        private static func work(_ agent: Agent, _ id: String) async throws -> [Change] {
            var changes: [Change] = []
            for number in 0..<10 {
                let isComment = number % 2 == 0
                let value = "\(isComment ? "comment" : "subject") \(agent.name) \(number)"
                let words = isComment ? ["comment", id, value] : ["set", id, "subject=" + value]
                let ending = try await agent.run(words)
                changes.append(
                    Change(
                        agent: agent.name,
                        value: value,
                        isComment: isComment,
                        code: ending.code,
                        message: ending.error
                    )
                )
            }
            return changes
        }

        @Test func oneOfTwentyClaimsWins() async throws {
            let desk = try await SupportDesk()
            let id = try await desk.agent("mia").create()
            let claims = try (1...20).map { number in
                let agent = try desk.agent("agent\(number)")
                return (agent.name, try agent.start(["claim", id, "--json"]))
            }
            var winners: [String] = []
            for (name, claim) in claims {
                let ending = try await claim.wait()
                if ending.code == 0 {
                    winners.append(name)
                } else {
                    #expect(ending.code == 3, "\(ending.error)")
                    #expect(try JSON(ending.text)["conflict"]?["assignee"]?["yours"] == .string(name))
                }
            }
            #expect(winners.count == 1)
            let ticket = try await desk.agent("mia").json("show", id)
            #expect(ticket["assignee"]?.text == winners.first && ticket["version"] == 2)
        }

        @Test func ticketsThatAreCreatedAtOnceHaveNumbersOfTheirOwn() async throws {
            let desk = try await SupportDesk()
            let mia = try desk.agent("mia")
            let creations = try (1...20).map { number in
                try mia.start(["create", "--subject", "Ticket \(number)", "--requester", "kim@example.com", "--json"])
            }
            var ids: [Int] = []
            for creation in creations {
                let ending = try await creation.wait()
                #expect(ending.code == 0, "\(ending.error)")
                if ending.code == 0, let id = try JSON(ending.text)["id"]?.text.flatMap({ Int($0) }) { ids.append(id) }
            }
            #expect(ids.sorted() == Array(1...20))
            #expect(Set(try await mia.documents("list").compactMap { $0["subject"]?.text }).count == 20)
        }

        @Test func tagsOfManyAgentsAllMerge() async throws {
            let desk = try await SupportDesk()
            let mia = try desk.agent("mia")
            let id = try await mia.create("S", "--tag", "gone")
            let changes = try (1...10).map { try mia.start(["tag", id, "tag\($0)", "--remove", "gone"]) }
            for change in changes { #expect(try await change.wait().code == 0) }
            let tags = try #require(try await mia.json("show", id)["tags"]).elements.compactMap(\.text)
            #expect(tags.sorted() == (1...10).map { "tag\($0)" }.sorted())
        }

        @Test func twoBulksAtOnceLoseNothing() async throws {
            let desk = try await SupportDesk()
            let (mia, bob) = (try desk.agent("mia"), try desk.agent("bob"))
            var ids: [String] = []
            for number in 1...20 { ids.append(try await mia.create("Ticket \(number)")) }
            let file = try desk.desk.file("ids", ids.joined(separator: "\n"))
            let bulks = [
                try mia.start(["bulk", "comment", "from mia"], input: .file(file)),
                try bob.start(["bulk", "comment", "from bob"], input: .file(file)),
                try bob.start(["bulk", "set", "status=open"], input: .file(file)),
            ]
            for bulk in bulks { #expect(try await bulk.wait().code == 0) }
            let rows = try await mia.documents("list")
            #expect(rows.count == 20)
            #expect(rows.allSatisfy { $0["comment_count"] == 2 && $0["status"] == "open" && $0["version"] == 4 })
        }
    }
}
