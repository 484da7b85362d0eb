import BSON
import Testing
import TicketViews

@testable import Tickets

@Suite struct ConflictReportTests {
    private let report = ConflictReport(time: Samples.time)
    private let priority = Samples.conflict(.priority, yours: "high", theirs: "urgent")

    @Test func bothSidesAndTheNextStepAreShown() {
        let command = ["ticket", "set", "1042", "priority=high", "--if-version", "3", "--as", "jo's"]
        let steps = ConflictReport.steps(after: command, ticket: "1042", conflicts: [priority])
        let lines = report.lines(ticket: "1042", conflicts: [priority], steps: steps, savedFile: "/tmp/text")
        #expect(
            lines == [
                "Ticket 1042 was changed by others meanwhile. Nothing of yours was stored.",
                "",
                "priority, changed by mia 5 minutes ago (2026-11-21 14:40)",
                "    yours:  high",
                "    theirs: urgent",
                "",
                "What you typed is in /tmp/text.",
                "",
                "Type one of:",
                "    ticket set 1042 priority=high --as 'jo'\\''s' --rebase",
                "        puts yours on the ticket as it is now",
                "    ticket set 1042 priority=high --as 'jo'\\''s' --theirs priority",
                "        keeps theirs, and stores the rest of yours",
                "    ticket show 1042",
                "        shows the ticket as it is now",
            ]
        )
    }

    @Test func severalFieldsAreDecidedOneByOne() {
        let conflicts = [priority, Samples.conflict(.group, yours: "web", theirs: .null)]
        let command = ["ticket", "set", "1042", "priority=high", "group=web", "--if-version=3"]
        let steps = ConflictReport.steps(after: command, ticket: "1042", conflicts: conflicts)
        #expect(
            steps.map(\.options) == [
                ["--rebase"], ["--theirs", "priority", "--theirs", "group"],
                ["--mine", "priority", "--theirs", "group"],
                [],
            ]
        )
        #expect(steps[0].command == ["ticket", "set", "1042", "priority=high", "group=web"])
        let lines = report.lines(ticket: "1042", conflicts: conflicts, steps: [])
        #expect(
            lines.suffix(4) == [
                "group, changed by mia 5 minutes ago (2026-11-21 14:40)", "    yours:  web", "    theirs: (none)", "",
            ]
        )
    }

    @Test func longTextsAreADiff() {
        let yours = (1...9).map { "line \($0)" }
        var theirs = yours
        theirs[4] = "LINE 5"
        theirs.append("last\u{1B}")
        let conflict = Samples.conflict(
            .description,
            yours: .string(yours.joined(separator: "\n")),
            theirs: .string(theirs.joined(separator: "\n"))
        )
        let lines = report.lines(ticket: "1042", conflicts: [conflict], steps: [])
        #expect(
            lines.dropFirst(2) == [
                "description, changed by mia 5 minutes ago (2026-11-21 14:40)", "    --- yours", "    +++ theirs",
                "    … 2 lines as in both", "     line 3", "     line 4", "    -line 5", "    +LINE 5", "     line 6",
                "     line 7", "     line 8", "     line 9", "    +last\u{FFFD}", "",
            ]
        )
        let long = String(repeating: "word ", count: 100)
        let one = Samples.conflict(.description, yours: .string(long), theirs: .string(long + "x"))
        let narrow = ConflictReport(time: Samples.time, width: 60).lines(ticket: "1", conflicts: [one], steps: [])
        #expect(narrow.dropFirst(3).allSatisfy { $0.displayWidth <= 60 })
    }

    @Test func aCommandThatCannotBeTypedIsNamedByItsOptions() {
        let command = ["ticket", "set", "1042", "description=two\nlines"]
        let steps = ConflictReport.steps(after: command, ticket: "1042", conflicts: [priority])
        let lines = report.lines(ticket: "1042", conflicts: [priority], steps: steps)
        #expect(lines.contains("    the same command with --rebase"))
        #expect(ShellWords.command(["a", "", "b c", "$x", "ü=1"]) == "a '' 'b c' '$x' ü=1")
    }
}
