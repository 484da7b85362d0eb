import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// Tickets that are handed in over HTTP.
    @Suite(.timeLimit(.minutes(5)), .enabled(if: Product.hasTool("curl"), "there is no curl program"))
    struct TicketIntakeTests {
        private static let token = "hand in"

        private static func create(_ ticket: String, subject: String = "Broken printer") -> String {
            #"{"ticket":"\#(ticket)","sequence":1,"type":"create","time":1714553000,"#
                + #""fields":{"subject":"\#(subject)","requester":"kim@example.com"}}"# + "\n"
        }

        private static func comment(_ ticket: String, _ sequence: Int, _ text: String) -> String {
            #"{"ticket":"\#(ticket)","sequence":\#(sequence),"type":"comment","actor":"mia","#
                + #""text":"\#(text)"}"# + "\n"
        }

        /// A service that takes tickets as the source `helpdesk`, and a daemon that is ready for them.
        private func open(at server: LocalMongo? = nil) async throws -> (ServiceDesk, RunningDaemon) {
            let service = try await ServiceDesk(at: server)
            try service.configure(http: try await service.http(tokens: [("helpdesk", "ingest", Self.token)]))
            let daemon = try service.serve()
            try await waitUntilPrepared(daemon)
            return (service, daemon)
        }

        /// Waits until the collections are there: before that, everything is turned away.
        private func waitUntilPrepared(_ daemon: RunningDaemon) async throws {
            try await poll("it takes tickets") { try await daemon.post("", token: Self.token).status == 400 }
        }

        private func post(_ body: String, to daemon: RunningDaemon) async throws -> HTTPAnswer {
            try await daemon.post(body, token: Self.token)
        }

        @Test func whatIsHandedInIsStoredWhenItIsConfirmed() async throws {
            let support = try await SupportDesk()
            let service = ServiceDesk(support.desk)
            try service.configure(http: try await service.http(tokens: [("helpdesk", "ingest", Self.token)]))
            let daemon = try service.serve()
            try await waitUntilPrepared(daemon)
            let body = Self.create("A-1") + Self.comment("A-1", 2, "It is on fire.") + Self.create("A-2")
            let answer = try await post(body, to: daemon)
            #expect(answer.status == 200 && answer.headers["content-type"] == "application/json")
            #expect(
                try answer.json == ["records": 3, "stored": 3, "duplicates": 0, "rejected": 0, "rejects": []],
                "\(answer.body)"
            )
            let mia = try support.agent("mia")
            let shown = try await mia.json("show", "A-1")
            #expect(shown["subject"] == "Broken printer" && shown["source"] == "helpdesk", "\(shown)")
            #expect(try await mia.run("show", "A-1").text.contains("It is on fire."))

            let again = try await post(body, to: daemon)
            #expect(try again.json["stored"] == 0 && again.json["duplicates"] == 3, "\(again)")
            let more = try await post(body + Self.comment("A-2", 2, "More."), to: daemon)
            #expect(try more.json["stored"] == 1 && more.json["duplicates"] == 3)
            #expect(try await mia.run("show", "A-2").text.contains("More."))
            let verified = try await service.desk.verifyTickets()
            #expect(verified["tickets"] == 2, "\(verified)")
            try await daemon.stop()
        }

        @Test func badLinesAreToldAndKept() async throws {
            let (service, daemon) = try await open()
            let body =
                Self.create("B-1") + "no JSON at all\n" + Self.comment("B-1", 2, "Fine.")
                + #"{"ticket":"B-1","sequence":3,"type":"change","fields":{"status":"asleep"}}"# + "\n"
            for round in 0..<2 {
                let answer = try await post(body, to: daemon)
                let document = try answer.json
                #expect(answer.status == 200 && document["rejected"] == 2, "\(answer)")
                #expect(document["stored"] == (round == 0 ? 2 : 0), "\(answer)")
                let rejects = document["rejects"]?.elements ?? []
                #expect(rejects.compactMap { $0["line"]?.integer } == [2, 4], "\(answer)")
                #expect(rejects.allSatisfy { $0["rule"]?.text?.isEmpty == false && $0["reason"] != nil })
                #expect(try await service.desk.records("rejects").count == 2, "the same lines are kept once")
            }
            // The last line may be cut: it is not stored, and not confirmed.
            let cut = try await post(Self.create("B-2") + Self.comment("B-2", 2, "Cut.").dropLast(5), to: daemon)
            #expect(cut.status == 200, "\(cut)")
            #expect(try cut.json["stored"] == 1 && cut.json["rejected"] == 1, "\(cut)")
            try await daemon.stop()
        }

        @Test func bodiesOfTheWrongSizeAreRefused() async throws {
            let (service, daemon) = try await open()
            let empty = try await post("", to: daemon)
            #expect(empty.status == 400 && empty.body.contains("empty"), "\(empty)")
            let line = Self.comment("C-1", 2, String(repeating: "long ", count: 2_000))
            let large = try await post(String(repeating: line, count: 1_800), to: daemon)
            #expect(large.status == 413 && large.body.contains("16 MB"), "\(large.status) \(large.body)")
            let usable = try await post(Self.create("C-1"), to: daemon)
            #expect(usable.status == 200, "\(usable)")
            #expect(try await service.desk.verifyTickets()["tickets"] == 1)
            try await daemon.stop()
        }

        @Test func withoutATokenForItNobodyHandsInTickets() async throws {
            let service = try await ServiceDesk()
            for http in [ServiceDesk.anyPort, try await service.http(tokens: [("a", "read", "see")])] {
                try service.configure(http: http)
                let daemon = try service.serve()
                let answer = try await daemon.post(Self.create("D-1"), token: "see")
                #expect(answer.status == 403 && answer.body.contains("'http.tokens'"), "\(answer)")
                try await daemon.stop()
            }
        }

        @Test func aDatabaseThatIsAwayIsWaitedForByTheClient() async throws {
            let server = try await LocalMongo.start()
            defer { server.stop() }
            let (service, daemon) = try await open(at: server)
            #expect(try await post(Self.create("E-1"), to: daemon).status == 200)
            server.kill()
            let body = Self.comment("E-1", 2, "Anybody there?") + Self.create("E-2")
            let refused = try await post(body, to: daemon)
            #expect(refused.status == 503 && refused.headers["retry-after"].flatMap { Int($0) } != nil, "\(refused)")
            #expect(refused.body.contains("send it again"), "\(refused)")
            try await server.restart()
            try await poll("it is taken") { try await post(body, to: daemon).status == 200 }
            #expect(try await post(body, to: daemon).json["duplicates"] == 2)
            let verified = try await service.desk.verifyTickets()
            #expect(verified["tickets"] == 2 && verified["events"] == 3, "\(verified)")
            try await daemon.stop()
        }

        @Test func aDatabaseThatWasNeverThereIsSaid() async throws {
            let server = try await LocalMongo.start()
            defer { server.stop() }
            server.kill()
            let service = try await ServiceDesk(at: server)
            try service.configure(http: try await service.http(tokens: [("helpdesk", "ingest", Self.token)]))
            let daemon = try service.serve()
            let refused = try await post(Self.create("F-1"), to: daemon)
            #expect(refused.status == 503 && refused.headers["retry-after"] != nil, "\(refused)")
            try await server.restart()
            try await poll("it is taken") { try await post(Self.create("F-1"), to: daemon).status == 200 }
            try await daemon.stop()
        }

        @Test func whatAKilledDaemonWasHandedInIsStoredOnce() async throws {
            let body = TicketFeed.lines(6_000, seed: 11, padding: 500).map { $0 + "\n" }.joined()
            let (reference, quiet) = try await open()
            #expect(try await post(body, to: quiet).status == 200)
            try await quiet.stop()
            let expected = try await reference.desk.ticketPicture()

            let service = try await ServiceDesk()
            try service.configure(http: try await service.http(tokens: [("helpdesk", "ingest", Self.token)]))
            let file = try service.desk.file("feed.ndjson", body)
            var daemon = try service.serve()
            try await waitUntilPrepared(daemon)
            var interrupted = 0
            for _ in 0..<3 {
                let words = try await daemon.postWords(file: file, token: Self.token)
                let request = try ChildProcess(words, folder: service.desk.folder)
                let before = try await storedEvents(service.desk)
                try await poll("more is stored") {
                    if !request.isRunning { return true }
                    return try await storedEvents(service.desk) > before
                }
                try await daemon.kill()
                if try await request.wait().code != 0 { interrupted += 1 }
                daemon = try service.serve()
                try await waitUntilPrepared(daemon)
            }
            #expect(interrupted > 0, "no request was interrupted")
            let words = try await daemon.postWords(file: file, token: Self.token)
            let ending = try await ChildProcess(words, folder: service.desk.folder).wait(within: .seconds(90))
            let answer = try service.desk.answer(of: ending)
            #expect(answer.status == 200, "\(answer)")
            #expect((try answer.json["duplicates"]?.integer ?? 0) > 0)
            expectSame(try await service.desk.ticketPicture(), expected)
            try await service.desk.verifyTickets()
            try await daemon.stop()
        }

        /// How many events of tickets there are.
        private func storedEvents(_ desk: Desk) async throws -> Int {
            try JSON(try await desk.run("verify", "--tickets", "--json").text)["events"]?.integer ?? 0
        }
    }
}
