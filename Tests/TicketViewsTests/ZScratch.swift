import BSON
import Console
import Testing
@testable import Tickets
import TicketViews

@Suite struct Scratch {
    @Test func show() {
        let t = Samples.ticket { t in
            t.events = [
                Samples.event(1, .create, by: "jo@example.com", at: Samples.now - 3 * Samples.hour, [
                    FieldChange(.subject, from: .null, to: "Cannot log in"),
                    FieldChange(.description, from: .null, to: .string("text over\nseveral lines ")),
                ]),
                Samples.comment(2, by: "mia", "Have you tried the new password that we sent you this morning by mail?\n\n> No mail came to me at all, so I could not even try what you said.\n", at: Samples.now - 2 * Samples.hour),
                Samples.comment(3, by: "ann", "he is right\u{1B}[2J, the mail server was down", at: Samples.now - Samples.hour, internal: true),
                Samples.event(4, .set, by: "mia", at: Samples.now - 5 * Samples.minute, [FieldChange(.priority, from: "normal", to: "high"), FieldChange(.tags, from: ["login"], to: ["login", "web"]), FieldChange(.description, from: .string("The quick brown fox jumps over the lazy dog and then rests near the river"), to: .string("The quick brown fox jumps over the lazy dog and then sleeps near the river"))]),
            ]
        }
        let late = Samples.ticket("2000000") { $0.dueAt = Samples.now - Samples.hour; $0.status = .onHold; $0.subject = "漢字の件名が長い場合はどうなりますか、切り詰められるはずです"; $0.priority = .urgent; $0.assignee = nil }
        let gone = Samples.ticket("7") { $0.isDeleted = true; $0.dueAt = nil; $0.subject = "a\u{202E}b\nc"; $0.source = nil; $0.custom = ["region": "EU", "count": 5] }
        let p = [Presence(ticket: "1042", agent: "mia", activity: .editing), Presence(ticket: "1042", agent: "ann", activity: .looking)]
        for (w, s) in [(Int?.none, Style.plain), (80, .plain), (50, .coloured), (30, .plain), (12, .plain)] {
            let table = TicketTable(firstPage: [t, late, gone], presences: p, time: Samples.time, style: s, width: w)
            print("== \(w ?? 0)")
            for l in [table.header] + table.lines([t, late, gone]) { print(l + "|") }
        }
        let all = TicketTable(columns: TicketTable.Column.allCases, firstPage: [t, late], presences: p, time: Samples.time, width: 250)
        for l in [all.header] + all.lines([t, late]) { print(l) }
        for w in [nil, 60] as [Int?] {
            print("== show \(w ?? 0)")
            for l in ThreadView(time: Samples.time, width: w).lines(t, presences: p) { print(l) }
            print("== history \(w ?? 0)")
            for e in t.events { for l in HistoryView(time: Samples.time, width: w).lines(e) { print(l) } }
        }
        for l in ThreadView(time: Samples.time, style: .coloured, width: 60).lines(gone) { print(l) }
        let c = [Samples.conflict(.priority, yours: "high", theirs: "urgent"), Samples.conflict(.description, yours: .string((1...12).map { "line \($0)" }.joined(separator: "\n")), theirs: .string((1...12).map { $0 == 6 ? "LINE 6" : "line \($0)" }.joined(separator: "\n") + "\nlast"))]
        for l in ConflictReport(time: Samples.time, width: 80).lines(ticket: "1042", conflicts: c, steps: ConflictReport.steps(after: ["ticket", "set", "1042", "priority=high", "description=it's", "--if-version", "3"], ticket: "1042", conflicts: c), savedFile: "/tmp/x") { print(l) }
        print(EditForm.render(gone))
        print(EditForm.renderConflict([.init(.priority, "high"), .init(.subject, "New")], base: t, current: t, conflicts: c, time: Samples.time).text)
        print(TicketJSON.ticket(t).text); print(TicketJSON.row(gone, now: Samples.now, openedBy: p).text); print(TicketJSON.event(t.events[2], ticket: "1042").text); print(TicketJSON.conflict(c).text)
    }
}
