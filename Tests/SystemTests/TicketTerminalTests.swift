import Foundation
import Testing

extension SystemTests {
    /// What a person sees at a terminal, and what a pipe gets instead.
    @Suite(.timeLimit(.minutes(1)))
    struct TicketTerminalTests {
        private static let count = 60

        /// Many tickets with long subjects, some of wide letters, some overdue.
        private static func agent() async throws -> Agent {
            let desk = try await SupportDesk()
            try await desk.replay(
                (1...count).map { number in
                    let subject = number % 3 == 0 ? "東京タワーの" : "A subject that is rather long, of ticket "
                    let long = String(repeating: subject, count: 4) + "\(number) end"
                    let age = number % 2 == 0 ? #","time":"2024-01-01T00:00:00Z""# : ""
                    return
                        #"{"ticket":"T-\#(number)","sequence":1,"type":"create"\#(age),"fields":{"subject":"\#(long)","#
                        + #""requester":"kim@example.com","priority":"urgent","assignee":"a-long-name-\#(number)"}}"#
                }
            )
            return try desk.agent("mia")
        }

        @Test(arguments: [(80, 24), (100, 10), (40, 24), (20, 12)] as [(UInt16, UInt16)])
        func aListFitsIntoTheTerminal(_ columns: UInt16, _ rows: UInt16) async throws {
            let mia = try await Self.agent()
            let (code, text) = try await mia.atTerminal("list", columns: columns, rows: rows)
            #expect(code == 0)
            #expect(text.contains("\u{1B}["), "there are colours")
            let lines = text.withoutColours.split(separator: "\n").map(String.init)
            #expect(lines.count <= Int(rows) - 1, "all of it is seen at once")
            for line in lines.dropLast() { #expect(line.columns <= columns, "\(line)") }
            #expect(lines[0].hasPrefix("ID") && lines[0].contains("SUBJ"), "\(lines[0])")
            let shown = lines.count - 2
            #expect(lines.last == "\(shown) of \(Self.count) shown; --all or pipe for all", "\(lines)")
        }

        @Test func allRowsComeWhenAskedForOrPiped() async throws {
            let mia = try await Self.agent()
            let all = try await mia.atTerminal("list", "--all").text.withoutColours
            #expect(all.split(separator: "\n").count == Self.count + 1 && !all.contains("shown"))
            let piped = try await mia.run("list")
            #expect(piped.lines.count == Self.count + 1 && piped.error.isEmpty)
            #expect(!piped.text.contains("\u{1B}"))
            #expect(piped.lines.dropFirst().allSatisfy { $0.hasSuffix(" end") }, "nothing is cut")
            let json = try await mia.atTerminal("list", "--json").text
            #expect(json.split(separator: "\n").count == Self.count && !json.contains("\u{1B}"))
        }

        @Test(arguments: [["NO_COLOR": "1"], ["TERM": "dumb"]])
        func whoWantsNoColoursGetsNone(_ environment: [String: String]) async throws {
            let mia = try await Self.agent()
            for words in [
                ["list"], ["show", "T-2"], ["history", "T-2"], ["set", "T-2", "priority=low", "--if-version", "1"],
            ] {
                let session = try mia.terminal(words, environment: environment)
                _ = try await session.wait()
                #expect(!session.text.isEmpty && !session.text.contains("\u{1B}"), "\(words)")
            }
        }

        @Test func aThreadIsWrappedAtATerminalAndWholeInAPipe() async throws {
            let mia = try await SupportDesk().agent("mia")
            let paragraph = String(repeating: "Some words that go on for quite a while. ", count: 8) + "The end"
            let word = String(repeating: "x", count: 200)
            let id = try await mia.create(paragraph, "--description", paragraph + "\n\n  " + word, "--tag", word)
            try await mia.json("comment", id, String(repeating: "東京", count: 70))
            try await mia.json("comment", id, paragraph, "--internal")
            for columns in [80, 40] as [UInt16] {
                let (code, text) = try await mia.atTerminal("show", id, columns: columns)
                #expect(code == 0 && text.contains("\u{1B}["))
                let lines = text.withoutColours.split(separator: "\n").map(String.init)
                for line in lines { #expect(line.columns <= columns, "\(line)") }
                let words = lines.joined(separator: " ").split(separator: " ")
                #expect(words.count(where: { $0 == "while." }) == 24, "no word is lost")
                #expect(text.filter { $0 == "京" }.count == 70)
                #expect(text.contains("internal note"))
            }
            let piped = try await mia.run("show", id).text
            #expect(piped.contains(paragraph) && piped.contains(word) && !piped.contains("\u{1B}"))
        }

        @Test func aConflictIsReadableAtATerminal() async throws {
            let desk = try await SupportDesk()
            let (mia, bob) = (try desk.agent("mia"), try desk.agent("bob"))
            let id = try await mia.create("S", "--description", (1...30).map { "line \($0)" }.joined(separator: "\n"))
            try await bob.json("set", id, "priority=urgent", "description=" + Self.text(7, "Bob's line"))
            let (code, text) = try await mia.atTerminal(
                "set",
                id,
                "priority=low",
                "description=" + Self.text(7, "Mia's line"),
                "--if-version",
                "1"
            )
            #expect(code == 3)
            #expect(text.contains("\u{1B}["))
            let lines = text.withoutColours.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            for line in ["yours:  low", "theirs: urgent", "-Mia's line", "+Bob's line", "--- yours", "+++ theirs"] {
                #expect(lines.contains(line), "\(line) in \(lines)")
            }
            #expect(lines.contains { $0.contains("by bob") && $0.contains("priority") })
            #expect(lines.count < 50, "what both have in common is left out: \(lines.count)")
            #expect(
                try String(decoding: mia.keptText(namedIn: text.withoutColours), as: UTF8.self).contains("Mia's line")
            )
        }

        private static func text(_ number: Int, _ line: String) -> String {
            (1...30).map { $0 == number ? line : "line \($0)" }.joined(separator: "\n")
        }

        @Test func anEmptyListSaysSo() async throws {
            let mia = try await SupportDesk().agent("mia")
            let (code, text) = try await mia.atTerminal("list")
            #expect(code == 0 && text.contains("no tickets"), "\(text)")
            let piped = try await mia.run("list")
            #expect(piped.code == 0 && piped.lines.count <= 1 && piped.error.isEmpty, "\(piped.text)")
            #expect(try await mia.run("list", "--json").output.isEmpty)
        }

        @Test func aReaderThatGoesAwayIsNoCrash() async throws {
            let mia = try await Self.agent()
            let ending = try await ChildProcess(
                ["/bin/bash", "-c", "set -o pipefail; " + mia.shellLine("export") + " | head -n 1"],
                environment: mia.environment,
                folder: mia.desk.desk.folder
            ).wait()
            #expect(ending.lines.count == 1 && ending.error.isEmpty, "\(ending.error)")
            #expect(ending.code == 0 || ending.code == 2 || ending.code == 141, "\(ending.code ?? -1)")
        }

        @Test(arguments: ["bash", "zsh", "fish"])
        func aCompletionScriptIsOneOfItsShell(_ shell: String) async throws {
            let program = try #require(SupportDesk.program)
            let folder = try TemporaryFolder.make()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let script = try await ChildProcess([program, "completion", shell], folder: folder).wait()
            #expect(script.code == 0 && !script.output.isEmpty, "\(script.error)")
            for command in ["create", "erase", "if-version"] { #expect(script.text.contains(command)) }
            guard Product.hasTool(shell) else { return }
            let path = folder + "/script"
            try script.output.write(to: URL(fileURLWithPath: path))
            let check = try await ChildProcess([shell, "-n", path], folder: folder).wait()
            #expect(check.code == 0 && check.error.isEmpty, "\(check.error)")
        }

        @Test func bashCompletesCommandsAndOptions() async throws {
            let program = try #require(SupportDesk.program)
            let folder = try TemporaryFolder.make()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            for (typed, expected) in [("h", "history"), ("set 1 --if", "--if-version"), ("bulk cl", "claim")] {
                let words = (["ticket"] + typed.split(separator: " ").map(String.init))
                let line = """
                    source <('\(program)' completion bash)
                    COMP_WORDS=(\(words.joined(separator: " "))); COMP_CWORD=\(words.count - 1)
                    COMP_LINE='\(words.joined(separator: " "))'; COMP_POINT=${#COMP_LINE}
                    complete=$(complete -p ticket | sed 's/.*-F \\([^ ]*\\).*/\\1/')
                    "$complete" ticket '\(words.last ?? "")' '\(words.dropLast().last ?? "")'
                    printf '%s\\n' "${COMPREPLY[@]}"
                    """
                let ending = try await ChildProcess(["/bin/bash", "-c", line], folder: folder).wait()
                #expect(ending.lines.contains(Substring(expected)), "\(typed): \(ending.text)\(ending.error)")
            }
        }
    }
}
