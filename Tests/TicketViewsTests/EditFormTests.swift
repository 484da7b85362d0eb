import BSON
import Testing

@testable import TicketViews
@testable import Tickets

@Suite struct EditFormTests {
    private let ticket = Samples.ticket { $0.custom = ["region": "EU"] }

    private static let header = """
        # Ticket 1042. Lines that begin with # are comments, as far as "Description:".
        # Save and close to store; empty the file to leave the ticket as it is.
        # Status: open, or next pending, on_hold, resolved, closed. Priority: low, normal, high, urgent, or empty.

        """

    private static let form =
        header + """
            Subject: Cannot log in
            Requester: jo@example.com
            Status: open
            Priority: high
            Assignee: mia
            Group: accounts
            Tags: login, web
            custom.region: EU

            Description:
            text over
            several lines

            """

    private func mistakes(_ text: String, markers: FormMarkers? = nil) -> [String] {
        do throws(FormError) {
            _ = try EditForm.parse(text, base: ticket, markers: markers)
            return []
        } catch {
            return error.mistakes.map(\.description)
        }
    }

    @Test func allFieldsAreInTheForm() throws {
        #expect(EditForm.render(ticket) == Self.form)
        #expect(try EditForm.parse(Self.form, base: ticket).isEmpty)
    }

    @Test func whatIsChangedIsAssigned() throws {
        let edited = """
            # a comment
            subject:   New "one"
            Requester: al@example.com
            STATUS: pending
            Priority:
            Tags: web new,login
            custom.size: big
            custom.region:

            Description:
            # no comment
            Subject: text
            """
        #expect(
            try EditForm.parse(edited, base: ticket) == [
                .init(.subject, "New \"one\""), .init(.requester, "al@example.com"), .init(.status, "pending"),
                .init(.priority, .null), .init(.tags, ["web", "new", "login"]),
                .init(#require(TicketField("custom.size")), "big"),
                .init(#require(TicketField("custom.region")), .null),
                .init(.description, "# no comment\nSubject: text"),
            ]
        )
    }

    @Test func linesThatAreTakenOutChangeNothing() throws {
        #expect(try EditForm.parse("Subject: Cannot log in", base: ticket).isEmpty)
    }

    @Test func allMistakesAreNamed() {
        let edited = """
            Requester: nobody
            Status: new
            Priority: highest
            colour: red
            Group: a
            Group: b
            some text without a name
            Assignee: "mia
            Tags: "a
            custom.region: "E"U"
            Description: here
            text
            """
        #expect(
            mistakes(edited) == [
                "the line \"Subject:\" is missing",
                "line 1: requester takes a mail address such as jo@example.com",
                "line 2: a ticket that is open can become pending, on_hold, resolved, closed",
                "line 3: priority takes one of low, normal, high, urgent",
                "line 4: there is no field 'colour'; the fields are subject, requester, status, priority, assignee, "
                    + "group, tags, description, and custom.NAME of imports",
                "line 6: group is there twice",
                "line 7: expected \"Name: value\" or a comment; the description goes below \"Description:\"",
                "line 9: what is in quotation marks has to be a JSON string; put a backslash before each mark in it",
                "line 10: what is in quotation marks has to be a JSON string; put a backslash before each mark in it",
                "line 11: the description begins on the line below \"Description:\"",
            ]
        )
    }

    @Test func anErrorListsItsMistakes() {
        let one = FormError(mistakes: [.init(line: 3, field: .priority, reason: "wrong")])
        #expect(one.description == "the form has a mistake: line 3: wrong")
        let two = FormError(mistakes: one.mistakes + [.init(line: nil, field: nil, reason: "missing")])
        #expect(two.description == "the form has 2 mistakes:\n  line 3: wrong\n  missing")
    }

    @Test func mistakesBecomeCommentsOfTheForm() throws {
        let edited = "Subject: a\nPriority: x\n"
        let error = #expect(throws: FormError.self) { _ = try EditForm.parse(edited, base: ticket) }
        let reason = "priority takes one of low, normal, high, urgent"
        let annotated = EditForm.annotated(edited, with: try #require(error))
        #expect(annotated == "#! line 3: \(reason)\n" + edited)
        let again = #expect(throws: FormError.self) { _ = try EditForm.parse(annotated, base: ticket) }
        #expect(EditForm.annotated(annotated, with: try #require(again)) == annotated)
    }

    @Test func anEmptiedFileIsEmpty() {
        #expect(EditForm.isEmpty("") && EditForm.isEmpty(Self.header + "\n \n") && !EditForm.isEmpty(Self.form))
    }

    @Test func editorsMayChangeLineEndings() throws {
        let edited =
            "\u{FEFF}" + Self.form.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n")
        #expect(try EditForm.parse(edited, base: ticket).isEmpty)
        let windows = Samples.ticket { $0.description = "one\r\ntwo" }
        let form = EditForm.render(windows)
        #expect(!form.utf8.contains(13))
        #expect(try EditForm.parse(form + "three\n", base: windows) == [.init(.description, "one\r\ntwo\r\nthree")])
    }

    @Test func oddTagsStayAndNewOnesAreWords() throws {
        let odd = Samples.ticket { $0.tags = ["pass word", "a,b", "\"c"] }
        let form = EditForm.render(odd)
        #expect(form.contains("Tags: \"pass word\", \"a,b\", \"\\\"c\"\n"))
        let edited = form.split(separator: "\"pass word\", ").joined(separator: "new, \"pass word\" ")
        #expect(try EditForm.parse(edited, base: odd) == [.init(.tags, ["new", "pass word", "a,b", "\"c"])])
        #expect(
            mistakes("Subject: Cannot log in\nTags: \"two words\"\n") == [
                "line 2: tags takes words without spaces and commas"
            ]
        )
    }

    @Test func aFormThatIsLeftAloneChangesNothing() throws {
        var generator = SeededGenerator(seed: 10)
        for _ in 0..<3_000 {
            let nasty = Samples.ticket(generator.nastyText(pieces: 1...2)) { ticket in
                ticket.subject = Bool.random(using: &generator) ? nil : generator.nastyText(pieces: 0...8)
                ticket.description = Bool.random(using: &generator) ? nil : generator.nastyText(pieces: 0...30)
                ticket.assignee = generator.nastyText(pieces: 0...3)
                ticket.requester = generator.nastyText(pieces: 0...3)
                ticket.tags = (0..<3).map { _ in generator.nastyText(pieces: 0...3) }
                ticket.priority = TicketPriority.allCases.randomElement(using: &generator)
                ticket.status = TicketStatus.allCases.randomElement(using: &generator) ?? .new
                ticket.custom = [
                    "text": .string(generator.nastyText(pieces: 0...5)), "number": .double(1.5), "flag": true,
                    "list": [.string(generator.nastyText(pieces: 0...3))],
                ]
            }
            let form = EditForm.render(nasty)
            #expect(try EditForm.parse(form, base: nasty).isEmpty, "\(form.debugDescription)")
            // Some editors leave the last line without its end.
            if form.utf8.dropLast().last != 10 {
                #expect(try EditForm.parse(String(form.dropLast()), base: nasty).isEmpty, "\(form.debugDescription)")
            }
        }
    }

    @Test func whatIsTypedComesBack() throws {
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<1_000 {
            let text = generator.nastyText(pieces: 0...30)
            let edited = EditForm.render(Samples.ticket { $0.description = text })
            let wanted = text.utf8.filter { $0 != 13 }
            let assigned = try EditForm.parse(edited, base: Samples.ticket { $0.description = "other" })
            let stored = assigned.first { $0.field == .description }?.value.string ?? ""
            #expect(stored.utf8.filter { $0 != 13 } == wanted)
        }
    }
}

@Suite struct ConflictFormTests {
    private let base = Samples.ticket()
    private let current = Samples.ticket { ticket in
        ticket.priority = .urgent
        ticket.tags = ["login", "vpn"]
        ticket.group = "network"
        ticket.description = "one\nTWO\nthree"
    }

    private func form(_ conflicts: [FieldConflict]) -> ConflictForm {
        EditForm.renderConflict(
            [.init(.priority, "low"), .init(.assignee, "bo"), .init(.tags, ["login", "web", "new"])],
            base: base,
            current: current,
            conflicts: conflicts,
            time: Samples.time
        )
    }

    private var conflicts: [FieldConflict] {
        [
            Samples.conflict(.priority, yours: "low", theirs: "urgent"),
            Samples.conflict(.description, yours: "one\ntwo\nthree\nfour", theirs: "one\nTWO\nthree"),
        ]
    }

    private static let marked = """
        Subject: Cannot log in
        Requester: jo@example.com
        Status: open
        <<<<<<< yours
        Priority: low
        =======
        Priority: urgent
        >>>>>>> theirs (mia, 5 minutes ago)
        Assignee: bo
        Group: network
        Tags: login, vpn, new

        Description:
        one
        <<<<<<< yours
        two
        =======
        TWO
        >>>>>>> theirs (mia, 5 minutes ago)
        three
        <<<<<<< yours
        four
        =======
        >>>>>>> theirs (mia, 5 minutes ago)

        """

    @Test func bothSidesAreMarkedAndTheRestIsKept() {
        let lines = form(conflicts).text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.drop { $0.hasPrefix("#") }.joined(separator: "\n") == Self.marked)
    }

    @Test func marksThatAreLeftAreMistakes() {
        let form = form(conflicts)
        let error = #expect(throws: FormError.self) {
            _ = try EditForm.parse(form.text, base: current, markers: form.markers)
        }
        #expect(
            error?.mistakes.map(\.description) == [
                "line 9: priority is not decided: keep one of the two lines, and take the marks away",
                "line 20: the description is not decided: keep what is right of both texts, and take the marks away",
            ]
        )
        let stray = "Subject: Cannot log in\nPriority: low\n=======\n"
        let strayError = #expect(throws: FormError.self) {
            _ = try EditForm.parse(stray, base: current, markers: form.markers)
        }
        #expect(strayError?.mistakes.map(\.description) == ["line 3: a mark of a conflict is left: take it away"])
    }

    @Test func aDecidedFormIsWhatTheAgentWants() throws {
        let form = form(conflicts)
        let lines = form.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let yours = ["Priority: low", "two", "four"]
        let isMark = { (line: String) in "<=>".contains { line.hasPrefix(String(repeating: $0, count: 7)) } }
        let kept = lines.filter { !isMark($0) && $0 != "Priority: urgent" && $0 != "TWO" }
        #expect(Set(yours).isSubset(of: kept))
        #expect(
            try EditForm.parse(kept.joined(separator: "\n"), base: current, markers: form.markers) == [
                .init(.priority, "low"), .init(.assignee, "bo"), .init(.tags, ["login", "vpn", "new"]),
                .init(.description, "one\ntwo\nthree\nfour"),
            ]
        )
    }

    @Test func textThatLooksLikeMarksIsText() throws {
        let text = "<<<<<<< yours\n=======\n========= b\n>>>>>>> theirs (mia)"
        let plain = Samples.ticket { $0.description = text + "\nold" }
        #expect(
            try EditForm.parse("Subject: Cannot log in\nDescription:\n\(text)", base: plain) == [
                .init(.description, .string(text))
            ]
        )
        let conflict = Samples.conflict(.description, yours: .string(text), theirs: .string(text + "\nold"))
        let form = EditForm.renderConflict([], base: plain, current: plain, conflicts: [conflict], time: Samples.time)
        #expect(form.text.contains("\n<<<<<<<<<< yours\n==========\nold\n>>>>>>>>>> theirs (mia, 5 minutes ago)\n"))
        #expect(throws: FormError.self) { _ = try EditForm.parse(form.text, base: plain, markers: form.markers) }
        let decided = "Subject: Cannot log in\nDescription:\n\(text)\n"
        #expect(try EditForm.parse(decided, base: plain, markers: form.markers) == [.init(.description, .string(text))])
    }
}
