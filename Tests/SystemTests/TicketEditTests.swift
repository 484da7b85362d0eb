import Foundation
import Testing

extension SystemTests {
    /// The form of all fields, in an editor that is a script.
    @Suite(.timeLimit(.minutes(1)))
    struct TicketEditTests {
        private static let description = "Grüße aus 東京 🚒\n# no comment\n\nStatus: closed\n  indented\ttab"

        private static func ticket() async throws -> (mia: Agent, bob: Agent, id: String) {
            let desk = try await SupportDesk()
            let mia = try desk.agent("mia")
            let id = try await mia.create(
                "It's „this“: #1",
                "--description",
                description,
                "--group",
                "it",
                "--tag",
                "a"
            )
            return (mia, try desk.agent("bob"), id)
        }

        private static func edit(_ id: String, _ agent: Agent, _ script: String, _ options: String...) async throws
            -> Ending
        {
            try await agent.run(["edit", id] + options, environment: try agent.editor(script))
        }

        @Test func aFieldThatTheEditorChangesIsChanged() async throws {
            let (mia, _, id) = try await Self.ticket()
            let script = #"sed -i -e 's/^Priority:.*/Priority: urgent/' -e 's/^Tags:.*/Tags: a, b/' "$1""#
            let ending = try await Self.edit(id, mia, script, "--json")
            #expect(ending.code == 0, "\(ending.error)")
            let ticket = try JSON(ending.text)
            #expect(ticket["priority"] == "urgent" && ticket["tags"] == ["a", "b"] && ticket["version"] == 2)
            #expect(ticket["description"] == .string(Self.description))
            let event = try await mia.documents("history", id).last
            #expect(event?["changes"]?.names == ["priority", "tags"] && event?["operation"] == "edit")
            #expect(try mia.keptFiles().isEmpty)
        }

        @Test func theFormHoldsAllFieldsAndItsDescriptionVerbatim() async throws {
            let (mia, _, id) = try await Self.ticket()
            let copy = mia.home + "/copy"
            #expect(try await Self.edit(id, mia, "cp \"$1\" '\(copy)'").code == 0)
            let form = try String(contentsOfFile: copy, encoding: .utf8)
            for line in [
                "Subject: It's „this“: #1", "Requester: kim@example.com", "Status: new", "Group: it", "Tags: a",
            ] {
                #expect(form.contains("\n\(line)\n"), "\(form)")
            }
            #expect(form.hasSuffix("\n" + Self.description + "\n"), "\(form)")
        }

        @Test(arguments: ["true", #"touch "$1""#, #"cp "$1" "$1.new"; mv "$1.new" "$1""#])
        func aFormThatComesBackAsItWasChangesNothing(_ script: String) async throws {
            let (mia, _, id) = try await Self.ticket()
            let before = try await mia.json("show", id, "--no-mark")
            #expect(try await Self.edit(id, mia, script).code == 0)
            #expect(try await mia.json("show", id, "--no-mark") == before)
            #expect(try mia.keptFiles().isEmpty)
        }

        @Test func aChangeBesideATextThatIsHardToWriteLeavesItUntouched() async throws {
            let (mia, _, id) = try await Self.ticket()
            let texts = [
                "ends in blanks  \n\n", "\t\u{FEFF}<<<<<<< yours\n=======\n>>>>>>> theirs (x)",
                "Description:\nSubject: no",
                "#! line 1: no mistake", "a\u{301} ‮right‬ \u{200B}zero", "back\\slash \"quotes\" 'single'",
            ]
            for (number, text) in texts.enumerated() {
                try await mia.json("set", id, "description=" + text)
                let before = try await mia.json("show", id, "--no-mark")["description"]
                let ending = try await Self.edit(id, mia, #"sed -i 's/^Group:.*/Group: g\#(number)/' "$1""#)
                #expect(ending.code == 0, "\(ending.error)")
                let after = try await mia.json("show", id, "--no-mark")
                #expect(after["description"] == before, "\(text)")
                #expect(after["group"] == .string("g\(number)"))
            }
        }

        @Test func anEmptiedFormChangesNothing() async throws {
            let (mia, _, id) = try await Self.ticket()
            for script in [#": > "$1""#, #"printf '\n\n# only this\n' > "$1""#, #"rm "$1"; : > "$1""#] {
                let ending = try await Self.edit(id, mia, script)
                #expect(ending.code == 0, "\(ending.error)")
                #expect(try await mia.version(id) == "1")
            }
            #expect(try mia.keptFiles().isEmpty)
        }

        @Test func aFormThatDoesNotParseIsNamedByLinesAndKept() async throws {
            let (mia, _, id) = try await Self.ticket()
            let status = "0,/^Status:/s/^Status:.*/Status: sekret-done/"
            let script = "sed -i -e '\(status)' -e 's/^Group:.*/sekret without colon/' \"$1\""
            let ending = try await Self.edit(id, mia, script)
            #expect(ending.code == 2, "\(ending.error)")
            let form = String(decoding: try mia.keptText(namedIn: ending.error), as: UTF8.self)
            let lines = form.split(separator: "\n", omittingEmptySubsequences: false)
            for text in ["Status: sekret-done", "sekret without colon"] {
                let number = try #require(lines.firstIndex { $0 == text }) + 1
                #expect(ending.error.contains("line \(number):"), "\(ending.error)")
            }
            #expect(!ending.error.contains("sekret"), "\(ending.error)")
            #expect(try await mia.version(id) == "1")
        }

        @Test func aFormWithBrokenUTF8IsKept() async throws {
            let (mia, _, id) = try await Self.ticket()
            let ending = try await Self.edit(id, mia, #"printf 'last \377 line\n' >> "$1""#)
            #expect(ending.code == 2)
            #expect(ending.error.contains("UTF-8"), "\(ending.error)")
            #expect(try mia.keptText(namedIn: ending.error).contains(0xFF))
            #expect(try await mia.version(id) == "1")
        }

        @Test func anEditorThatFailsLeavesTheFormBehind() async throws {
            let (mia, _, id) = try await Self.ticket()
            let ending = try await Self.edit(id, mia, #"sed -i 's/^Group:.*/Group: changed/' "$1"; exit 7"#)
            #expect(ending.code == 2)
            #expect(String(decoding: try mia.keptText(namedIn: ending.error), as: UTF8.self).contains("Group: changed"))
            #expect(try await mia.version(id) == "1")
            let none = try await mia.run("edit", id, environment: ["EDITOR": mia.home + "/no-such-editor"])
            #expect(none.code == 2, "\(none.error)")
        }

        // MARK: - Conflicts

        /// A script that changes the ticket as another agent when it runs first, and does `then` later.
        private static func meeting(_ bob: Agent, _ id: String, first: String, then: String) -> String {
            """
            if [ -e '\(bob.home)/was-here' ]; then
                \(then)
            else
                touch '\(bob.home)/was-here'
                \(bob.shellLine("set", id, "priority=urgent", "group=other", "description=Bob's text")) >/dev/null
                \(first)
            fi
            """
        }

        private static let mine =
            #"sed -i -e 's/^Priority:.*/Priority: low/' -e "s/^Subject:.*/Subject: Mia's/" "$1""#

        @Test func aConflictReopensTheFormWithBothSidesMarked() async throws {
            let (mia, bob, id) = try await Self.ticket()
            let copy = mia.home + "/conflict"
            let decide = """
                cp "$1" '\(copy)'
                sed -i -e '/^<<<<<<</d' -e '/^=======/d' -e '/^>>>>>>>/d' -e '/^Priority: urgent/d' "$1"
                """
            let script = Self.meeting(bob, id, first: Self.mine, then: decide)
            let ending = try await Self.edit(id, mia, script, "--json")
            #expect(ending.code == 0, "\(ending.error)")
            let form = try String(contentsOfFile: copy, encoding: .utf8)
            let lines = form.split(separator: "\n").map(String.init)
            let start = try #require(lines.firstIndex { $0.hasPrefix("<<<<<<< yours") }, "\(form)")
            #expect(lines[start + 1] == "Priority: low" && lines[start + 2] == "=======")
            #expect(lines[start + 3] == "Priority: urgent")
            #expect(lines[start + 4].hasPrefix(">>>>>>> theirs") && lines[start + 4].contains("bob"))
            #expect(lines.contains("Subject: Mia's") && lines.contains("Group: other"), "the rest is merged: \(form)")
            #expect(lines.last == "Bob's text")
            #expect(!form.lowercased().contains("version"))

            let ticket = try await mia.json("show", id, "--no-mark")
            #expect(ticket["priority"] == "low" && ticket["subject"] == "Mia's" && ticket["group"] == "other")
            #expect(ticket["description"] == "Bob's text" && ticket["version"] == 3)
            #expect(try mia.keptFiles().isEmpty)
        }

        @Test func fieldsThatTheOtherLeftAloneMergeWithoutAQuestion() async throws {
            let (mia, bob, id) = try await Self.ticket()
            let first = #"sed -i -e '0,/^Status:/s/^Status:.*/Status: open/' -e 's/^Tags:.*/Tags: a, mia/' "$1""#
            let ending = try await Self.edit(id, mia, Self.meeting(bob, id, first: first, then: "exit 9"), "--json")
            #expect(ending.code == 0, "\(ending.error)")
            let ticket = try JSON(ending.text)
            #expect(ticket["status"] == "open" && ticket["tags"] == ["a", "mia"] && ticket["priority"] == "urgent")
            #expect(ticket["description"] == "Bob's text")
        }

        @Test func bothSidesOfADescriptionAreMarked() async throws {
            let (mia, bob, id) = try await Self.ticket()
            let copy = mia.home + "/conflict"
            let first = #"printf 'and more of mine\n' >> "$1""#
            let then = "cp \"$1\" '\(copy)'\n" + #"sed -i -e '/^<<<<<<</d' -e '/^=======/d' -e '/^>>>>>>>/d' "$1""#
            let ending = try await Self.edit(id, mia, Self.meeting(bob, id, first: first, then: then), "--json")
            #expect(ending.code == 0, "\(ending.error)")
            let form = try String(contentsOfFile: copy, encoding: .utf8)
            let mine = try #require(form.range(of: Self.description + "\nand more of mine\n=======\n"), "\(form)")
            #expect(form[..<mine.lowerBound].hasSuffix("<<<<<<< yours\n"))
            #expect(form[mine.upperBound...].hasPrefix("Bob's text\n>>>>>>> theirs"))
            let description = try JSON(ending.text)["description"]
            #expect(description == .string(Self.description + "\nand more of mine\nBob's text"))
        }

        @Test(arguments: ["true", #"printf 'something more\n' >> "$1""#, #"sed -i '/^=======/d' "$1""#])
        func marksThatAreLeftKeepTheFormAndStoreNothing(_ then: String) async throws {
            let (mia, bob, id) = try await Self.ticket()
            let ending = try await Self.edit(id, mia, Self.meeting(bob, id, first: Self.mine, then: then))
            #expect(ending.code == 3, "\(ending.error)")
            let form = String(decoding: try mia.keptText(namedIn: ending.error), as: UTF8.self)
            #expect(form.contains("<<<<<<< yours") && form.contains("Subject: Mia's"), "\(form)")
            let ticket = try await mia.json("show", id, "--no-mark")
            #expect(ticket["version"] == 2 && ticket["priority"] == "urgent")
        }

        @Test func anOpenConflictIsJSONForPrograms() async throws {
            let (mia, bob, id) = try await Self.ticket()
            let script = Self.meeting(bob, id, first: Self.mine, then: "true")
            let ending = try await Self.edit(id, mia, script, "--json")
            #expect(ending.code == 3)
            let sides = try JSON(ending.text)["conflict"]
            #expect(sides?.names == ["priority"])
            #expect(sides?["priority"]?["yours"] == "low" && sides?["priority"]?["theirs"] == "urgent")
        }

        @Test func aPersonMendsMistakesInTheFormThatIsOpenedAgain() async throws {
            let (mia, bob, id) = try await Self.ticket()
            let copy = mia.home + "/second"
            let script = """
                if [ -e '\(bob.home)/was-here' ]; then
                    cp "$1" '\(copy)'; sed -i '0,/^Status:/s/^Status: sekret/Status: open/' "$1"
                else
                    touch '\(bob.home)/was-here'; sed -i '0,/^Status:/s/^Status:.*/Status: sekret/' "$1"
                fi
                """
            let ending = try await mia.atTerminal("edit", id, environment: try mia.editor(script))
            #expect(ending.code == 0, "\(ending.text)")
            let form = try String(contentsOfFile: copy, encoding: .utf8)
            let lines = form.split(separator: "\n", omittingEmptySubsequences: false)
            let number = try #require(lines.firstIndex { $0 == "Status: sekret" }) + 1
            #expect(lines.first?.contains("line \(number):") == true, "\(form)")
            #expect(try await mia.json("show", id)["status"] == "open")
        }
    }
}
