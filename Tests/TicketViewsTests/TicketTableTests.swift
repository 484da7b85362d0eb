import Testing
import TicketViews

@testable import Tickets

@Suite struct TicketTableTests {
    private let tickets = [
        Samples.ticket(),
        Samples.ticket("2000000") { ticket in
            ticket.subject = "漢字の件名が長い場合はどうなりますか"
            ticket.status = .onHold
            ticket.priority = .urgent
            ticket.assignee = nil
            ticket.dueAt = Samples.now - Samples.hour
            ticket.updatedAt = Samples.now - 48 * Samples.hour
        },
        Samples.ticket("7") { ticket in
            ticket.isDeleted = true
            ticket.subject = "a\u{202E}b\n\u{1B}[2Jc"
        },
    ]

    private func lines(_ table: TicketTable) -> [String] { [table.header] + table.lines(tickets) }

    @Test func pipedOutputIsNotCut() {
        #expect(
            lines(TicketTable(firstPage: tickets, time: Samples.time)) == [
                "ID       STATUS    PRIORITY  ASSIGNEE  UPDATED  SUBJECT",
                "1042     open      high      mia       5m       Cannot log in",
                "2000000  on_hold!  urgent    -         2d       漢字の件名が長い場合はどうなりますか",
                "7        open      high      mia       5m       [deleted] a\u{FFFD}b \u{FFFD}[2Jc",
            ]
        )
    }

    @Test func onATerminalTheSubjectTakesTheRest() {
        #expect(
            lines(TicketTable(firstPage: tickets, time: Samples.time, width: 70)) == [
                "ID       STATUS    PRIORITY  ASSIGNEE  UPDATED  SUBJECT",
                "1042     open      high      mia       5m       Cannot log in",
                "2000000  on_hold!  urgent    -         2d       漢字の件名が長い場合…",
                "7        open      high      mia       5m       [deleted] a\u{FFFD}b \u{FFFD}[2Jc",
            ]
        )
    }

    @Test func whoHasATicketOpenIsShownWhereSomebodyHas() {
        let presences = [
            Presence(ticket: "1042", agent: "mia", activity: .editing),
            Presence(ticket: "1042", agent: "ann", activity: .looking),
        ]
        let table = TicketTable(firstPage: tickets, presences: presences, time: Samples.time)
        #expect(table.header == "ID       STATUS    PRIORITY  ASSIGNEE  UPDATED  OPEN                      SUBJECT")
        #expect(
            table.lines(tickets)[0]
                == "1042     open      high      mia       5m       mia editing, ann looking  Cannot log in"
        )
        let narrow = TicketTable(firstPage: tickets, presences: presences, time: Samples.time, width: 80)
        #expect(
            narrow.lines(tickets)[0] == "1042     open      high      mia       5m       mia editin…  Cannot log in"
        )
    }

    @Test func overdueTicketsStandOut() {
        let table = TicketTable(
            columns: [.id, .status, .due],
            firstPage: tickets,
            time: Samples.time,
            style: .coloured
        )
        let lines = table.lines(tickets)
        #expect(lines[0] == "1042     open      in 1h")
        #expect(lines[1] == "\u{1B}[1;31m2000000\u{1B}[0m  \u{1B}[1;31mon_hold!\u{1B}[0m  \u{1B}[1;31m1h late\u{1B}[0m")
        #expect(lines[2].hasPrefix("\u{1B}[2m7\u{1B}[0m      "))
    }

    @Test func allColumnsCanBeShown() {
        let table = TicketTable(columns: TicketTable.Column.allCases, firstPage: [tickets[0]], time: Samples.time)
        #expect(
            table.lines([tickets[0]]) == [
                "1042    open      high      mia       5m       Cannot log in  accounts  jo@example.com  login,web  "
                    + "3h       in 1h     0         -         -"
            ]
        )
    }

    @Test func laterPagesKeepTheWidthsOfTheFirst() {
        let later = Samples.ticket("123456789") { $0.assignee = "a.very.long.name.of.an.agent" }
        let onTerminal = TicketTable(firstPage: [tickets[0]], time: Samples.time, width: 60)
        #expect(onTerminal.lines([later]) == ["12345…  open      high      a.very.…  5m       Cannot log in"])
        let piped = TicketTable(firstPage: [tickets[0]], time: Samples.time)
        #expect(
            piped.lines([later])
                == ["123456789  open      high      a.very.long.name.of.an.agent  5m       Cannot log in"]
        )
    }

    @Test func everyLineFitsTheTerminal() {
        var generator = SeededGenerator(seed: 6)
        for _ in 0..<300 {
            let page = (0..<4).map { number in
                Samples.ticket(String(number) + generator.nastyText(pieces: 0...2)) { ticket in
                    ticket.subject = generator.nastyText(pieces: 0...15)
                    ticket.assignee = generator.nastyText(pieces: 0...5)
                    ticket.tags = [generator.nastyText(pieces: 0...5)]
                }
            }
            let columns = TicketTable.Column.allCases.shuffled(using: &generator)
                .prefix(Int.random(in: 1...14, using: &generator))
            let width = Int.random(in: 1...200, using: &generator)
            let presences = [Presence(ticket: page[0].id, agent: "mia", activity: .editing)]
            for columns in [nil, Array(columns)] {
                let table = TicketTable(
                    columns: columns,
                    firstPage: Array(page.prefix(2)),
                    presences: presences,
                    time: Samples.time,
                    width: width
                )
                let lines = [table.header] + table.lines(page)
                for line in lines { #expect(line.displayWidth <= width, "\(line.debugDescription) in \(width)") }
                #expect(lines.count == 5 && !lines.contains { $0.utf8.contains(9) || $0.utf8.contains(10) })
            }
        }
    }
}
