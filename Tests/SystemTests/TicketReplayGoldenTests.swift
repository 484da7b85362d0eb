import Foundation
import Testing

/// A recording of tickets, and what is known to be in it.
struct TicketRecording: CustomTestStringConvertible, Sendable {
    let file: String
    let format: String
    let source: String
    let records: Int
    let tickets: Int
    var flagged: [String: Int] = [:]
    var gaps = 0
    /// The command of the oracle that compares it, and what that has to count.
    let oracle: String
    let counted: JSON

    var testDescription: String { file }
    var path: String { Product.shared("tickets/" + file) }

    static let serviceNow = TicketRecording(
        file: "servicenow-incident-events.csv",
        format: "servicenow-csv",
        source: "servicenow",
        records: 5_998,
        tickets: 890,
        flagged: ["late": 1],
        gaps: 711,
        oracle: "servicenow",
        counted: ["tickets": 890, "events": 5_998, "gaps": 711, "late": 1, "differences": 0]
    )
    static let customers = TicketRecording(
        file: "customer-support-tickets.csv",
        format: "tickets-csv",
        source: "csv",
        records: 8_469,
        tickets: 8_469,
        flagged: ["resolved_before_first_response": 1_365],
        oracle: "customers",
        counted: ["tickets": 8_469, "multiline": 6_150, "flagged": 1_365, "differences": 0]
    )
    static let zendesk = TicketRecording(
        file: "zendesk-tickets.json",
        format: "zendesk-json",
        source: "zendesk",
        records: 1_516,
        tickets: 1_516,
        flagged: ["deleted": 517],
        oracle: "zendesk",
        counted: ["tickets": 1_516, "deleted": 517, "differences": 0]
    )
    static let all = [serviceNow, customers, zendesk]
}

extension SystemTests {
    @Suite(.enabled(if: Product.hasSharedData, Comment(rawValue: Product.whyNoSharedData)), .timeLimit(.minutes(3)))
    struct TicketReplayGoldenTests {
        private func check(
            _ document: TicketReplayDocument,
            _ recording: TicketRecording,
            stored: Int,
            _ location: SourceLocation = #_sourceLocation
        ) {
            #expect(document.format == recording.format, sourceLocation: location)
            #expect(document.source == recording.source, sourceLocation: location)
            #expect(document.records == recording.records, sourceLocation: location)
            #expect(document.events["snapshot"] == recording.records, sourceLocation: location)
            #expect(document.tickets == recording.tickets, sourceLocation: location)
            #expect(document.stored == stored, sourceLocation: location)
            #expect(document.alreadyStored == recording.records - stored, sourceLocation: location)
            #expect(document.flagged == recording.flagged, sourceLocation: location)
            #expect(document.gaps.count == recording.gaps, sourceLocation: location)
            #expect(document.rejected.isEmpty && document.ignored.isEmpty, sourceLocation: location)
            #expect(document.complete, sourceLocation: location)
        }

        @Test(
            "A recording makes its tickets, however often and from whatever it is read",
            arguments: TicketRecording.all
        )
        func recording(_ recording: TicketRecording) async throws {
            let desk = try await Desk()
            let ending = try await desk.start(["replay", "--json", recording.path]).wait()
            #expect(ending.code == 0)
            #expect(ending.error.contains("format \(recording.format), guessed"), "the guess is printed")
            check(try TicketReplayDocument(ending), recording, stored: recording.records)
            let compared = try await desk.oracle(recording.oracle, recording.path)
            #expect(compared.code == 0, "\(compared.error)")
            #expect(try JSON(compared.text) == recording.counted)
            let verified = try await desk.verifyTickets()
            #expect(verified["tickets"]?.integer == recording.tickets)
            #expect(verified["events"]?.integer == recording.records)
            let picture = try await desk.ticketPicture()

            check(try await desk.replayTickets(recording.path), recording, stored: 0)
            check(try await desk.replayTickets("--from-start", recording.path), recording, stored: 0)
            check(try await desk.replayTickets("-", input: .file(recording.path)), recording, stored: 0)
            expectSame(try await desk.ticketPicture(), picture, "replayed again")
            try await desk.verifyTickets()
            let status = try await desk.status()
            #expect(status.collections["rejects"]?.documents == 0)
            #expect(status.gaps.open == recording.gaps)
            #expect(try await desk.records("gaps").count == recording.gaps)

            let dry = try await desk.runAlone(["replay", "--json", "--dry-run", recording.path])
            #expect(dry.code == 0, "\(dry.error)")
            check(try TicketReplayDocument(dry), recording, stored: recording.records)
        }

        @Test("A pipe and compressed files hold the same tickets", arguments: TicketRecording.all)
        func pipesAndCompressedFiles(_ recording: TicketRecording) async throws {
            let reference = try await Desk()
            try await reference.replayTickets(recording.path)
            let picture = try await reference.ticketPicture()

            let piped = try await Desk()
            let process = try piped.start(["replay", "--json", "-"], input: .pipe)
            let bytes = try Data(contentsOf: URL(fileURLWithPath: recording.path))
            for start in stride(from: 0, to: bytes.count, by: 100_003) {
                try await process.send(bytes[start..<min(start + 100_003, bytes.count)])
            }
            process.closeInput()
            check(try TicketReplayDocument(try await process.wait()), recording, stored: recording.records)
            expectSame(try await piped.ticketPicture(), picture, "from a pipe")
            try await piped.verifyTickets()

            let packed = try await Desk()
            let path = packed.folder + "/recording.gz"
            _ = try await packed.tool("gzip", "-c", recording.path, output: path)
            check(try await packed.replayTickets(path), recording, stored: recording.records)
            expectSame(try await packed.ticketPicture(), picture, "from gzip")
            // The same recording, unpacked, is the same tape.
            check(try await packed.replayTickets(recording.path), recording, stored: 0)
            try await packed.verifyTickets()
        }

        @Test func aTextOfManyLinesIsShownAsItIs() async throws {
            let desk = try await Desk()
            try await desk.replayTickets("--limit", "1", TicketRecording.customers.path)
            let program = try #require(SupportDesk.program)
            let words = [
                program, "show", "csv:1", "--json", "--as", "mia", "--mongo", desk.uri, "--database", desk.database,
            ]
            let ending = try await ChildProcess(words, folder: desk.folder).wait()
            #expect(ending.code == 0, "\(ending.error)")
            let description = try JSON(ending.text)["description"]?.text ?? ""
            #expect(
                description.hasPrefix(
                    "I'm having an issue with the {product_purchased}. Please assist.\n\nYour billing"
                )
            )
        }
    }
}
