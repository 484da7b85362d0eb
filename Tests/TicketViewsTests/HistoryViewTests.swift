import BSON
import Testing
import TicketViews

@testable import Tickets

@Suite struct HistoryViewTests {
    private let event = Samples.event(
        4,
        .set,
        by: "mia",
        at: Samples.now - 5 * Samples.minute,
        [
            FieldChange(.priority, from: "normal", to: "high"), FieldChange(.tags, from: ["login"], to: []),
            FieldChange(.group, from: .null, to: "web"),
            FieldChange(
                .description,
                from: "The quick brown fox jumps over the lazy dog and rests\nat the river",
                to: "The quick brown fox jumps over the lazy dog and sleeps\nat the river"
            ),
        ]
    )

    @Test func whoChangedWhatIsShown() {
        #expect(
            HistoryView(time: Samples.time).lines(event) == [
                "#4 | 2026-11-21 14:40 (5 minutes ago) | mia | set",
                "    priority: normal → high",
                "    tags: login → (none)",
                "    group: web",
                "    description: The quick brown fox jumps over the lazy dog and rests at the river → "
                    + "The quick brown fox jumps over the lazy dog and sleeps at the river",
            ]
        )
    }

    @Test func longTextsAreShortenedAroundTheirDifference() {
        let lines = HistoryView(time: Samples.time, width: 60).lines(event)
        #expect(lines[4] == "    description: …g and rests at the… → …g and sleeps at th…")
        #expect(lines.allSatisfy { $0.displayWidth <= 60 })
    }

    @Test func notesImportsAndErasuresAreNamed() {
        let note = Samples.comment(5, by: "ann", "mail\nis down", at: Samples.now, internal: true)
        #expect(
            HistoryView(time: Samples.time).lines(note) == [
                "#5 | 2026-11-21 14:45 (just now) | ann | comment", "    internal note: mail is down",
            ]
        )
        let origin = TicketEvent.Origin(sequence: 3, occurredAt: 0, digest: nil)
        let changes = [FieldChange(.subject, from: .null, to: .null)]
        let late = Samples.event(6, .late, by: nil, at: Samples.now, changes, erased: true, origin: origin)
        #expect(
            HistoryView(time: Samples.time).lines(late) == [
                "#6 | 2026-11-21 14:45 (just now) | (erased) | late | happened 1970-01-01 01:00 | came too late: the "
                    + "fields are left as they were",
                "    subject: (erased)",
            ]
        )
    }

    @Test func everyLineFits() {
        var generator = SeededGenerator(seed: 8)
        for _ in 0..<500 {
            let change = FieldChange(
                .description,
                from: .string(generator.nastyText(pieces: 0...20)),
                to: .string(generator.nastyText(pieces: 0...20))
            )
            let actor = generator.nastyText(pieces: 0...5)
            let event = Samples.event(2, .set, by: actor, at: Samples.now, [change])
            let width = Int.random(in: 20...100, using: &generator)
            for line in HistoryView(time: Samples.time, width: width).lines(event) {
                #expect(line.displayWidth <= width, "\(line.debugDescription) in \(width)")
            }
        }
    }
}
