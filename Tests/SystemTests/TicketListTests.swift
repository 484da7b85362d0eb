import Foundation
import Testing

extension SystemTests {
    /// Finding tickets, among few of which everything is known.
    @Suite(.timeLimit(.minutes(1)))
    struct TicketListTests {
        /// Five imported tickets, T-1 to T-5, created in the first months of 2024, and two of today.
        private static func agent() async throws -> Agent {
            let desk = try await SupportDesk()
            try await desk.replay([
                event(1, #""subject":"Drucker brennt im Büro","priority":"low","group":"it","tags":["a"]"#),
                event(
                    2,
                    #""subject":"東京 printer","status":"open","priority":"high","assignee":"mia","group":"it","#
                        + #""tags":["a","b"]"#
                ),
                event(
                    3,
                    #""subject":"Refund","description":"Rückerstattung, please!","status":"pending","#
                        + #""priority":"urgent","assignee":"bob","group":"hr","tags":["b"]"#
                ),
                event(4, #""subject":"Refunds again","status":"resolved","priority":"normal","assignee":"mia""#),
                event(5, #""subject":"Old","status":"closed""#),
                #"{"ticket":"T-5","sequence":2,"type":"comment","actor":"bob","text":"The toner is EMPTY"}"#,
            ])
            let mia = try desk.agent("mia")
            _ = try await mia.create("Today", requester: "Jo@example.com")
            let second = try await mia.create("Today, too", "--priority", "high", requester: "pat@example.com")
            try await mia.json("assign", second, "mia")
            try await mia.json("comment", second, "café and CAFÉ", "--internal")
            return mia
        }

        private static func event(_ number: Int, _ fields: String) -> String {
            let requester = number == 2 ? "jo@example.com" : "kim@example.com"
            return #"{"ticket":"T-\#(number)","sequence":1,"type":"create","time":"2024-0\#(number)-01T00:00:00Z","#
                + #""actor":"import","fields":{"requester":"\#(requester)",\#(fields)}}"#
        }

        /// The names of the tickets that a command lists: the last part of what they are called where they come from.
        private func found(_ words: [String], _ agent: Agent) async throws -> [String] {
            let ending = try await agent.run(words + ["--json"])
            #expect(ending.code == 0, "\(words): \(ending.error)")
            return try ending.lines.map { line in
                let row = try JSON(line)
                return row["external_id"]?.text ?? (row["subject"] == "Today" ? "N-1" : "N-2")
            }
        }

        private static let filters: [([String], String)] = [
            ([], "N-2 N-1 T-5 T-4 T-3 T-2 T-1"),
            (["--status", "new"], "N-2 N-1 T-1"), (["--status", "new,pending"], "N-2 N-1 T-3 T-1"),
            (["--status", "open", "--status", "closed"], "T-5 T-2"),
            (["--priority", "high"], "N-2 T-2"), (["--priority", "low,urgent"], "T-3 T-1"),
            (["--assignee", "mia"], "N-2 T-4 T-2"),
            (["--assignee", "mia", "--assignee", "bob"], "N-2 T-4 T-3 T-2"),
            (["--mine"], "N-2 T-4 T-2"), (["--unassigned"], "N-1 T-5 T-1"),
            (["--unassigned", "--unresolved"], "N-1 T-1"), (["--unresolved"], "N-2 N-1 T-3 T-2 T-1"),
            (["--group", "it"], "T-2 T-1"), (["--group", "hr", "--group", "it"], "T-3 T-2 T-1"),
            (["--tag", "a"], "T-2 T-1"), (["--tag", "a", "--tag", "b"], "T-2"),
            (["--requester", "kim@example.com"], "T-5 T-4 T-3 T-1"),
            (["--requester", "JO@EXAMPLE.COM"], "N-1 T-2"),
            (["--requester", "nobody@example.com"], ""),
            (["--older-than", "30d"], "T-5 T-4 T-3 T-2 T-1"), (["--newer-than", "2h"], "N-2 N-1"),
            (["--older-than", "30d", "--newer-than", "1h"], ""),
            (["--overdue"], "T-3 T-2 T-1"), (["--overdue", "--mine"], "T-2"),
            (["--text", "refund"], "T-3"), (["--text", "refund*"], "T-4 T-3"),
            (["--text", "refunds AGAIN"], "T-4"), (["--text", "refunds", "--text", "again"], "T-4"),
            (["--text", "today", "--priority", "high"], "N-2"),
            (["--status", "new", "--priority", "low", "--group", "it", "--tag", "a", "--unassigned"], "T-1"),
            (["--limit", "2"], "N-2 N-1"), (["--mine", "--limit", "1"], "N-2"),
            (["--limit", "7"], "N-2 N-1 T-5 T-4 T-3 T-2 T-1"),
        ]

        @Test func filtersFindWhatTheyName() async throws {
            let mia = try await Self.agent()
            for (options, expected) in Self.filters {
                #expect(try await found(["list"] + options, mia).joined(separator: " ") == expected, "\(options)")
            }
        }

        private static let searches: [([String], String)] = [
            (["refund"], "T-3"), (["REFUNDS"], "T-4"), (["ref*"], "T-4 T-3"), (["refund*", "please"], "T-3"),
            (["büro"], "T-1"), (["BÜRO"], "T-1"), (["buro"], ""), (["rückerstattung"], "T-3"), (["rück*"], "T-3"),
            (["東京"], "T-2"), (["東"], "T-2"), (["東京", "printer"], "T-2"), (["empty"], "T-5"),
            (["toner", "empty"], "T-5"),
            (["café"], "N-2"), (["today", "café"], "N-2"), (["Today,", "too!"], "N-2"), (["nothing"], ""),
            (["toner", "büro"], ""),
            (["today", "--priority", "normal"], "N-1"), (["drucker brennt"], "T-1"),
        ]

        @Test func searchesFindWords() async throws {
            let mia = try await Self.agent()
            for (words, expected) in Self.searches {
                #expect(try await found(["search"] + words, mia).joined(separator: " ") == expected, "\(words)")
            }
        }

        @Test func aSearchForNoWordIsWrongUsage() async throws {
            let mia = try await Self.agent()
            for words in [["..."], ["*"], [""]] {
                #expect(try await mia.run(["search"] + words).code == 64, "\(words)")
            }
        }

        @Test func listsAreSortedBothWays() async throws {
            let mia = try await Self.agent()
            let created = ["N-2", "N-1", "T-5", "T-4", "T-3", "T-2", "T-1"]
            #expect(try await found(["list", "--sort", "created"], mia) == created)
            #expect(try await found(["list", "--sort", "created", "--reverse"], mia) == created.reversed())
            #expect(try await found(["list", "--sort", "updated"], mia).prefix(2) == ["N-2", "N-1"])
            #expect(try await found(["list", "--sort", "updated", "--reverse"], mia).suffix(2) == ["N-1", "N-2"])
            let ranks = ["urgent": 3, "high": 2, "normal": 1, "low": 0]
            for (options, isAscending) in [([], false), (["--reverse"], true)] {
                let ending = try await mia.run(["list", "--sort", "priority", "--json"] + options)
                let rows = try ending.lines.map { try JSON($0)["priority"]?.text.flatMap { ranks[$0] } ?? -1 }
                #expect(rows == (isAscending ? rows.sorted() : rows.sorted(by: >)))
                #expect(rows.count == 7)
            }
            let due = try await mia.documents("list", "--sort", "due").compactMap { $0["due_at"]?.text }
            #expect(due.count == 5 && due == due.sorted(), "those that have a time")
            #expect(try await found(["list", "--sort", "due", "--overdue"], mia).first == "T-1")
        }

        @Test func rowsSayWhatIsOverdue() async throws {
            let mia = try await Self.agent()
            let rows = try await mia.documents("list")
            #expect(rows.map { $0["overdue"] } == [false, false, false, false, true, true, true])
            let table = try await mia.lines("list", "--columns", "status,subject")
            #expect(table.count == 8)
            #expect(table[5].hasPrefix("pending! ") && table[5].hasSuffix("Refund"), "\(table)")
        }

        @Test func columnsAreChosenAndPipedRowsAreWhole() async throws {
            let mia = try await Self.agent()
            let table = try await mia.run("list", "--columns", "id,tags,requester,subject", "--tag", "b")
            let rows = table.lines.map { $0.split(separator: " ", omittingEmptySubsequences: true).map(String.init) }
            #expect(rows[0] == ["ID", "TAGS", "REQUESTER", "SUBJECT"])
            #expect(rows[1].suffix(3) == ["b", "kim@example.com", "Refund"])
            #expect(rows[2].suffix(4) == ["a,b", "jo@example.com", "東京", "printer"])
            #expect(!table.text.contains("\u{1B}") && table.error.isEmpty)
            let long = try await SupportDesk().agent("mia")
            let subject = String(repeating: "A long subject. ", count: 20) + "End"
            _ = try await long.create(subject)
            #expect(try await long.run("list").text.contains(subject), "nothing is cut in a pipe")
        }

        @Test func aLimitSaysThatThereIsMore() async throws {
            let mia = try await Self.agent()
            let cut = try await mia.run("list", "--limit", "3")
            #expect(cut.code == 0 && cut.lines.count == 4)
            #expect(cut.error.contains("3"), "\(cut.error)")
            let json = try await mia.run("list", "--limit", "3", "--json")
            #expect(json.lines.count == 3 && !json.error.isEmpty)
            let whole = try await mia.run("list", "--limit", "7")
            #expect(whole.lines.count == 8 && whole.error.isEmpty, "\(whole.error)")
        }

        @Test func statsCountEverything() async throws {
            let mia = try await Self.agent()
            let stats = try await mia.json("stats")
            #expect(
                stats["total"] == 7 && stats["unresolved"] == 5 && stats["overdue"] == 3 && stats["unassigned"] == 2
            )
            #expect(
                stats["by_status"] == [
                    "new": 3, "open": 1, "pending": 1, "on_hold": 0, "resolved": 1, "closed": 1,
                ]
            )
            #expect(stats["by_priority"] == ["low": 1, "normal": 2, "high": 2, "urgent": 1, "none": 1])
            let text = try await mia.run("stats").text
            for (name, count) in [("overdue", 3), ("tickets", 7), ("on_hold", 0)] {
                let words = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
                #expect(words.contains([name, "\(count)"]), "\(text)")
            }
        }

        @Test func anExportHasEverythingOfTheTicketsThatAreMeant() async throws {
            let mia = try await Self.agent()
            let all = try await mia.lines("export").map { try JSON($0) }
            #expect(all.count == 7 && all.allSatisfy { $0.names == ["ticket", "history"] })
            let old = try #require(all.first { $0["ticket"]?["external_id"] == "T-5" })
            #expect(old["ticket"]?["comments"]?.elements.map { $0["text"] } == ["The toner is EMPTY"])
            #expect(old["history"]?.elements.map { $0["sequence"] } == [1, 2])
            let some = try await mia.lines("export", "--status", "new", "--unassigned").map { try JSON($0) }
            #expect(some.count == 2)
        }

        @Test func anExportByRequesterFindsThoseWhoWereItOnce() async throws {
            let mia = try await SupportDesk().agent("mia")
            let id = try await mia.create("First", requester: "kim@example.com")
            _ = try await mia.create("Other", requester: "jo@example.com")
            try await mia.json("set", id, "requester=jo@example.com")
            for (requester, count) in [("Kim@Example.com", 1), ("jo@example.com", 2), ("pat@example.com", 0)] {
                #expect(try await mia.lines("export", "--requester", requester).count == count, "\(requester)")
            }
        }
    }
}
