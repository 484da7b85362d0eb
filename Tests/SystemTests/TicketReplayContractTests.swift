import Foundation
import Testing

extension SystemTests {
    /// What `replay` of tickets promises to those who call it.
    @Suite(.timeLimit(.minutes(1)))
    struct TicketReplayContractTests {
        private static let create =
            #"{"ticket":"A","sequence":1,"type":"create","#
            + #""fields":{"subject":"private words","requester":"r@example.com"}}"#

        private func step(_ sequence: Int, _ rest: String, of ticket: String = "A") -> String {
            #"{"ticket":"\#(ticket)","sequence":\#(sequence),\#(rest)}"#
        }

        private func write(_ lines: [String], _ desk: Desk, _ name: String = "feed.ndjson") throws -> String {
            try desk.file(name, lines.map { $0 + "\n" }.joined())
        }

        private var faulty: [String] {
            [
                Self.create, step(2, #""type":"change","fields":{"status":"private words"}"#),
                step(2, #""type":"comment","text":"private words""#, of: "B"), #"{"ticket":"A","private words"#,
                step(2, #""type":"change","fields":{"status":"open"}"#),
                step(3, #""type":"change","fields":{"status":"closed"},"expected_version":1"#),
                step(6, #""type":"comment","text":"private words""#), "",
                step(5, #""type":"change","fields":{"group":"late"}"#), step(-4, #""type":"comment","text":"x""#),
                Self.create,
            ]
        }

        @Test func badRecordsAreNamedKeptAndHideNothingElse() async throws {
            let desk = try await Desk()
            let path = try write(faulty, desk)
            let ending = try await desk.run("replay", "--json", path)
            #expect(ending.code == 1)
            let document = try TicketReplayDocument(ending)
            #expect(document.records == 10 && document.tickets == 1)
            #expect(document.events == ["create": 2, "comment": 2, "change": 3, "snapshot": 0])
            #expect(
                document.rejected
                    == [
                        "unknown_status": 1, "unknown_ticket": 1, "malformed": 1, "version_conflict": 1,
                        "invalid_sequence": 1,
                    ]
            )
            #expect(document.stored == 5 && document.alreadyStored == 1)
            #expect(document.flagged == ["late": 1])
            #expect(document.gaps == [ReplayDocument.Gap(stream: "A", after: 3, before: 6, missing: 1)])
            for line in [
                "line 2: unknown_status", "line 3: unknown_ticket", "line 4: malformed", "line 6: version_conflict",
                "line 10: invalid_sequence", "5 records were rejected; they are in the collection 'rejects'",
            ] {
                #expect(ending.error.contains(path + ": " + line) || ending.error.contains(line), "\(ending.error)")
            }
            #expect(!ending.error.contains("private"), "no text of tickets: \(ending.error)")
            let rejects = try await desk.records("rejects")
            let kept = rejects.map {
                "\($0["line"]?.integer ?? 0) \($0["rule"]?.text ?? "") \($0["ticket"]?.text ?? "-")"
            }
            #expect(
                kept.sorted() == [
                    "10 invalid_sequence -", "2 unknown_status -", "3 unknown_ticket B", "4 malformed -",
                    "6 version_conflict A",
                ]
            )
            let raw = rejects.first { $0["line"]?.integer == 3 }?["raw"]?.text
            #expect(raw == faulty[2].utf8.map { String(format: "%02x", $0) }.joined())
            let verified = try await desk.verifyTickets()
            #expect(verified["events"]?.integer == 5)
            // What was refused is refused again, and exits the same.
            let again = try await desk.replayTickets("--from-start", path, exits: 1)
            #expect(again.counts == document.counts && again.stored == 0)
        }

        @Test func aDryRunTellsTheSameAndWritesNothing() async throws {
            let desk = try await Desk()
            let path = try write(faulty, desk)
            let dry = try await desk.run("replay", "--json", "--dry-run", path)
            #expect(dry.code == 1)
            #expect(!dry.error.contains("collection"), "nothing is kept: \(dry.error)")
            #expect(try JSON(await desk.oracle("collections").text) == [])
            let document = try TicketReplayDocument(dry)
            let real = try await desk.replayTickets(path, exits: 1)
            #expect(document.counts == real.counts)
            #expect(document.stored == real.stored && document.alreadyStored == real.alreadyStored)
        }

        @Test func peopleReadTheSameCounts() async throws {
            let desk = try await Desk()
            let ending = try await desk.run("replay", try write(faulty, desk))
            #expect(ending.code == 1)
            for (label, count) in [
                ("records", 10), ("events", 7), ("tickets", 1), ("stored", 5), ("rejected", 5), ("gaps", 1),
            ] {
                let row = ending.lines.last { $0.split(separator: " ").first == label[...] }
                #expect(row?.split(separator: " ").contains("\(count)") == true, "\(label): \(ending.text)")
            }
            #expect(!ending.text.contains("bytes per event"), "that is of market data")
        }

        @Test(arguments: [["--only", "A"], ["--speed", "2x"], ["--source", "a:b"], ["--source", ""]])
        func whatTicketsDoNotHaveIsRefusedClearly(_ options: [String]) async throws {
            let desk = try await Desk()
            let ending = try await desk.start(["replay", "--json", try write([Self.create], desk)] + options).wait()
            #expect(ending.code == 2)
            #expect(ending.output.isEmpty)
            let last = ending.error.split(separator: "\n").last ?? ""
            #expect(last.hasPrefix("tapedesk: ") && last.contains(options[0]), "\(ending.error)")
            #expect(try await desk.ticketPicture().isEmpty)
        }

        @Test func sourcesHaveTicketsOfTheirOwn() async throws {
            let desk = try await Desk()
            let path = try write([Self.create, step(2, #""type":"comment","text":"x""#)], desk)
            let first = try await desk.replayTickets(path)
            let other = try await desk.replayTickets("--source", "other", path)
            #expect(first.source == "events" && other.source == "other")
            #expect(first.tickets == 1 && other.tickets == 1 && other.stored == 2)
            #expect(try await desk.verifyTickets()["tickets"] == 2)
            let status = try await desk.status()
            #expect(status.sources.map(\.source).allSatisfy { $0.hasPrefix("events/") || $0.hasPrefix("other/") })
        }

        @Test func aLimitedReplayGoesOnWhereItStopped() async throws {
            let desk = try await Desk()
            let path = try write([Self.create] + (2...9).map { step($0, #""type":"comment","text":"\#($0)""#) }, desk)
            let part = try await desk.replayTickets("--limit", "4", path)
            #expect(part.records == 4 && part.stored == 4 && !part.complete)
            let none = try await desk.replayTickets("--limit", "2", path)
            #expect(none.records == 4 && none.stored == 0 && !none.complete)
            let rest = try await desk.replayTickets(path)
            #expect(rest.records == 9 && rest.stored == 5 && rest.complete)
            let whole = try await Desk()
            try await whole.replayTickets(path)
            expectSame(try await desk.ticketPicture(), try await whole.ticketPicture())
        }

        @Test func aFeedThatGrowsAndOneThatIsCutOffGoOn() async throws {
            let desk = try await Desk()
            let lines = [Self.create] + (2...6).map { step($0, #""type":"comment","text":"\#($0)""#) }
            let text = lines.map { $0 + "\n" }.joined()
            let path = try desk.file("feed.ndjson", String(text.dropLast(20)))
            let cut = try await desk.run("replay", "--json", path)
            #expect(cut.code == 1)
            #expect(cut.error.contains("ends in the middle of a record"), "\(cut.error)")
            #expect(try TicketReplayDocument(cut).stored == 5)
            _ = try desk.file("feed.ndjson", text)
            let grown = try await desk.replayTickets(path)
            #expect(grown.stored == 1 && grown.complete)
            #expect(try await desk.verifyTickets()["events"] == 6)
        }

        @Test func everyTicketOfALongFeedIsThereInOrder() async throws {
            let desk = try await Desk()
            let path = try write(TicketFeed.lines(3_000, seed: 8), desk)
            let document = try await desk.replayTickets(path, exits: 1)
            let verified = try await desk.verifyTickets()
            #expect(verified["events"]?.integer == document.stored)
            #expect(verified["tickets"]?.integer == document.tickets)
            #expect(document.flagged["late"] ?? 0 > 50 && document.alreadyStored > 50)
            #expect(document.rejected["version_conflict"] ?? 0 > 50 && document.rejected["unknown_ticket"] ?? 0 > 0)
            let rejects = try await desk.records("rejects")
            #expect(rejects.count == document.rejected.values.reduce(0, +))
            let open = try await desk.records("gaps").filter { $0["is_open"] == true }
            #expect(open.count == document.gaps.count)
        }
    }
}
