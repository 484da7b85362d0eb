import Foundation
import Testing

extension SystemTests {
    /// A person's text is removed everywhere, and the chain still proves the rest.
    @Suite(.timeLimit(.minutes(1)))
    struct TicketEraseTests {
        private static let requester = "kim.sekret@example.com"
        /// Every text of the requester holds this word; so do the words that searches find.
        private static let marker = "zeitgeistmarker"

        /// Tickets of the requester of every kind, and one of somebody else, which is returned.
        private static func fill(_ desk: SupportDesk) async throws -> String {
            let mia = try desk.agent("mia")
            let own = try await mia.create(
                "\(marker) subject",
                "--description",
                "\(marker) description",
                requester: requester
            )
            try await mia.json("comment", own, "Dear Kim, \(marker)")
            try await mia.json("comment", own, "\(marker) note", "--internal")
            try await mia.json("set", own, "subject=\(marker) changed", "description=\(marker) changed")
            let long = try await mia.create("\(marker) long", requester: requester)
            let text = Data(String(repeating: "\(marker) ", count: 20_000).utf8)
            for _ in 1...5 { try await mia.json("comment", long, "-", input: text) }
            let given = try await mia.create("Handed over", requester: requester)
            try await mia.json("set", given, "requester=jo@example.com")
            let other = try await mia.create("Other", "--description", "stays", requester: "jo@example.com")
            try await desk.replay(
                [
                    #"{"ticket":"E-1","sequence":1,"type":"create","actor":"\#(requester)","fields":{"#
                        + #""subject":"\#(marker)","requester":"\#(requester)","#
                        + #""description":"\#(marker)","custom.phone":"\#(marker)"}}"#,
                    #"{"ticket":"E-1","sequence":2,"type":"comment","actor":"\#(requester)","text":"\#(marker)"}"#,
                    #"{"ticket":"E-2","sequence":1,"type":"create","fields":{"requester":"\#(requester)","subject":"","#
                        + #""description":"\#(marker)"}}"#,
                ],
                exits: 1
            )
            return other
        }

        private static func holds(_ bytes: Data, _ text: String) -> Bool {
            String(decoding: bytes, as: UTF8.self).lowercased().contains(text)
        }

        @Test func nothingOfTheRequesterIsLeft() async throws {
            let desk = try await SupportDesk()
            let mia = try desk.agent("mia")
            let other = try await Self.fill(desk)
            let before = try await desk.storedBytes()
            #expect(Self.holds(before, Self.marker) && Self.holds(before, Self.requester))
            #expect(try await desk.store("count", "rejects") == "1\n")
            let exported = try await mia.run("export", "--requester", Self.requester)
            #expect(exported.code == 0 && exported.lines.count == 4, "\(exported.error)")
            #expect(exported.text.contains(Self.marker) && exported.error.contains("1 rejected"), "\(exported.error)")

            let dryRun = try await mia.json("erase", "--requester", Self.requester, "--dry-run")
            #expect(dryRun["tickets"] == 4 && dryRun["rejects"] == 1 && (dryRun["archives"]?.integer ?? 0) > 0)
            #expect(try await desk.storedBytes() == before, "a dry run touches nothing")
            let unasked = try await mia.run("erase", "--requester", Self.requester)
            #expect(unasked.code == 64)
            #expect(try await desk.storedBytes() == before)

            let erased = try await mia.run("erase", "--requester", Self.requester.uppercased(), "--yes", "--json")
            #expect(erased.code == 0, "\(erased.error)")
            let receipt = try JSON(erased.text)
            for name in ["tickets", "events", "archives", "rejects"] {
                #expect(receipt[name] == dryRun[name], "\(name) as the dry run said")
            }
            let after = try await desk.storedBytes()
            #expect(!Self.holds(after, Self.marker) && !Self.holds(after, "kim.sekret"))
            let receipts = try await desk.store("receipts")
            #expect(receipts.split(separator: "\n").count == 1)
            #expect(receipts.contains(try #require(receipt["receipt"]?.text)), "\(receipts)")
            for text in [erased.text, receipts] {
                #expect(!text.contains("kim") && !text.contains(Self.marker), "no personal data: \(text)")
            }
            try await expectWorks(desk, other)
            let again = try await mia.json("erase", "--requester", Self.requester, "--yes")
            #expect(again["tickets"] == 0 && again["rejects"] == 0)
            _ = try await desk.verify()
        }

        /// The desk goes on as before, without what was erased.
        private func expectWorks(_ desk: SupportDesk, _ other: String) async throws {
            let mia = try desk.agent("mia")
            let report = try await desk.verify()
            #expect(report["tickets"] == 5 && (report["erased"]?.integer ?? 0) > 0)
            #expect(try await mia.json("show", other)["description"] == "stays")
            let rows = try await mia.documents("list", "--sort", "created", "--reverse")
            #expect(rows.count == 5)
            #expect(try await mia.documents("search", Self.marker).isEmpty)
            let own = try #require(rows[0]["id"]?.text)
            let shown = try await mia.json("show", own)
            #expect(shown["requester"] == .null && shown["description"] == .null)
            #expect(shown["subject"] == "(erased)", "a ticket is never without a subject")
            #expect(shown["comments"]?.elements.map { $0["text"] } == [.null, .null])
            #expect(try await mia.lines("show", own).contains { $0.contains("erased") })
            let events = try await mia.documents("history", own)
            #expect(events.last?["operation"] == "erase" && events.last?["actor"] == "mia")
            #expect(events[0]["changes"]?["subject"]?["erased"] == true)
            #expect(zip(events, events.dropFirst()).allSatisfy { $0["hash"] == $1["previous_hash"] })
            let given = try #require(rows.first { $0["subject"] == "Handed over" }?["id"]?.text)
            #expect(try await mia.json("show", given)["requester"] == "jo@example.com")
            let words = ["set", own, "subject=Anew", "requester=jo@example.com"]
            #expect(try await mia.run(words).code == 0, "and can be worked with")
        }

        @Test func aRejectedRecordAboutAnErasedTicketGoesWithIt() async throws {
            let desk = try await SupportDesk()
            let mia = try desk.agent("mia")
            try await desk.replay(
                [
                    #"{"ticket":"E-1","sequence":1,"type":"create","fields":{"subject":"S","#
                        + #""requester":"\#(Self.requester)"}}"#,
                    #"{"ticket":"E-1","sequence":2,"type":"comment","text":"\#(Self.marker)","colour":1}"#,
                    #"{"ticket":"E-1","sequence":3,"type":"change","fields":{"colour":"\#(Self.marker)"}}"#,
                ],
                exits: 1
            )
            let dryRun = try await mia.json("erase", "--requester", Self.requester, "--dry-run")
            #expect(dryRun["tickets"] == 1 && dryRun["rejects"] == 2)
            try await mia.json("erase", "--requester", Self.requester, "--yes")
            #expect(!Self.holds(try await desk.storedBytes(), Self.marker))
        }

        @Test func anErasureThatIsKilledIsFinishedByAnother() async throws {
            let desk = try await SupportDesk()
            let mia = try desk.agent("mia")
            let count = 300
            try await desk.replay(
                (1...count).flatMap { number in
                    [
                        #"{"ticket":"K-\#(number)","sequence":1,"type":"create","fields":{"subject":"\#(Self.marker)","#
                            + #""requester":"\#(Self.requester)","description":"\#(Self.marker) \#(number)"}}"#,
                        #"{"ticket":"K-\#(number)","sequence":2,"type":"comment","text":"\#(Self.marker)"}"#,
                    ]
                }
            )
            var left = count
            for _ in 1...6 {
                let erasure = try mia.start(["erase", "--requester", Self.requester, "--yes"])
                try await Task.sleep(for: .milliseconds(Int.random(in: 30...150)))
                erasure.kill()
                _ = try await erasure.wait()
                let report = try await desk.verify()
                #expect(report["tickets"]?.integer == count, "whenever it was killed, the chains verify")
                let counts = try await mia.json("erase", "--requester", Self.requester, "--dry-run")
                let tickets = try #require(counts["tickets"]?.integer)
                #expect(tickets <= left)
                left = tickets
            }
            let rest = try await mia.json("erase", "--requester", Self.requester, "--yes")
            #expect(rest["tickets"]?.integer == left)
            let bytes = try await desk.storedBytes()
            #expect(!Self.holds(bytes, Self.marker) && !Self.holds(bytes, Self.requester))
            let events = try #require(try await desk.verify()["events"]?.integer)
            #expect(events == count * 3, "each ticket was erased once")
        }

        @Test func whatMentionsTheAddressIsNamedForAPersonToJudge() async throws {
            let mia = try await SupportDesk().agent("mia")
            _ = try await mia.create("Own", requester: Self.requester)
            let mention = try await mia.create("Ask \(Self.requester)", requester: "jo@example.com")
            let receipt = try await mia.json("erase", "--requester", Self.requester, "--yes")
            #expect(receipt["tickets"] == 1 && receipt["mentioned_in"] == [.string(mention)])
            #expect(try await mia.json("show", mention)["subject"]?.text?.contains(Self.requester) == true)
        }

        @Test func aPersonIsAskedForTheAddressAgain() async throws {
            let mia = try await SupportDesk().agent("mia")
            let id = try await mia.create("Own", requester: Self.requester)
            for (answer, code, isThere) in [
                ("jo@example.com\n", 2, true), ("\n", 2, true), (Self.requester + "\n", 0, false),
            ] {
                let session = try mia.terminal(["erase", "--requester", Self.requester])
                try await session.expect("again")
                try session.type(answer)
                #expect(try await session.wait() == Int32(code), "\(session.text)")
                let subject = try await mia.json("show", id)["subject"]
                #expect((subject == "Own") == isThere)
            }
        }
    }
}
