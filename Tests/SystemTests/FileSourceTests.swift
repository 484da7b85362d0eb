import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// Spool folders: files that are left for the daemon.
    @Suite(.timeLimit(.minutes(5)), .enabled(if: Product.hasTool("curl"), "there is no curl program"))
    struct FileSourceTests {
        @Test func completeFilesAreTakenAndOthersLeftAlone() async throws {
            let files = try await SpoolDesk()
            let daemon = try files.service.serve()
            try await daemon.wait(for: "ready")
            // Somebody writes slowly, under the last name.
            let slow = try files.openForWriting("slow.ndjson")
            try slow.write(contentsOf: Data(MarketLines.text(1...10).utf8))
            try files.put(".hidden.ndjson", MarketLines.text(21...30))
            for (number, name) in ["a.ndjson.tmp", "b.part", "c.partial"].enumerated() {
                try files.put(name, MarketLines.text(31 + number...31 + number))
            }
            try files.putByRenaming("renamed.ndjson", MarketLines.text(41...50))
            try await poll("the renamed one is done") { files.names(in: "done") == ["renamed.ndjson"] }
            #expect(try await files.stored() == Array(41...50))
            try slow.write(contentsOf: Data(MarketLines.text(11...20).utf8))
            // Another round of looking: the one that is being written is still there.
            try files.putByRenaming("second.ndjson", MarketLines.text(51...60))
            try await poll("the second is done") { files.names(in: "done").count == 2 }
            #expect(files.names().contains("slow.ndjson"))
            try slow.close()
            try await poll("the slow one is done") { files.names(in: "done").contains("slow.ndjson") }
            #expect(try await Set(files.stored()) == Set(Array(1...20) + Array(41...60)))
            #expect(files.names() == [".hidden.ndjson", "a.ndjson.tmp", "b.part", "c.partial", "done", "failed"])
            let source = try await daemon.source("files", in: "files")
            #expect(
                source?["done"] == 3 && source?["failed"] == 0 && source?["stored_events"] == 40,
                "\(source as Any)"
            )
            #expect(source?["waiting"] == 0 && source?["trouble"] == .null, "\(source as Any)")
            try await files.service.desk.verifyClean()
            try await daemon.stop()
        }

        @Test func whatCannotBeReadIsPutAsideWithTheReason() async throws {
            let files = try await SpoolDesk()
            let daemon = try files.service.serve()
            try await daemon.wait(for: "ready")
            try files.put("empty.ndjson", "")
            let good = MarketLines.text(1...10)
            try files.put("cut.ndjson", String((good + MarketLines.text(11...11)).dropLast(8)))
            try files.put("bad-lines.ndjson", "nonsense\n" + MarketLines.text(21...30))
            try Data([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3]).write(
                to: URL(filePath: files.spool + "/broken.ndjson.gz")
            )
            try await poll("three are put aside") { files.names(in: "failed").count == 3 }
            try await poll("the others are done") { files.names(in: "done") == ["bad-lines.ndjson"] }
            #expect(files.names(in: "failed") == ["broken.ndjson.gz", "cut.ndjson", "empty.ndjson"])
            for name in files.names(in: "failed") {
                let line = daemon.log.split(separator: "\n").first { $0.contains("\(name) is put into 'failed': ") }
                #expect((line?.split(separator: ": ").last ?? "").count > 10, "\(name): \(daemon.log)")
            }
            #expect(daemon.log.contains("bad-lines.ndjson: 11 records, 10 events stored, 1 rejected"))
            #expect(try await Set(files.stored()) == Set(Array(1...10) + Array(21...30)))
            #expect(try await daemon.source("files", in: "files")?["failed"] == 3)
            #expect(try await daemon.readiness().code == 200)
            try await daemon.stop()
        }

        @Test func aNameThatComesAgainIsAnotherFile() async throws {
            let files = try await SpoolDesk()
            let daemon = try files.service.serve()
            for day in 0..<3 {
                try files.putByRenaming("trades.ndjson", MarketLines.text((day * 10 + 1)...(day * 10 + 10)))
                try await poll("it is taken") { !files.names().contains("trades.ndjson") }
            }
            #expect(files.names(in: "failed").isEmpty, "\(daemon.log)")
            #expect(files.names(in: "done") == ["trades.ndjson", "trades.ndjson.2", "trades.ndjson.3"])
            #expect(try await files.stored() == Array(1...30))
            try await daemon.stop()
        }

        @Test func filesOfTicketsMayHaveOneName() async throws {
            let files = try await SpoolDesk(format: ["format: ticket-events"])
            let daemon = try files.service.serve()
            for number in 1...3 {
                let fields = #""fields":{"subject":"s\#(number)","requester":"r"}"#
                let line = #"{"ticket":"\#(number)","sequence":1,"type":"create",\#(fields)}"# + "\n"
                try files.putByRenaming("tickets.ndjson", line)
                try await poll("it is done") { files.names(in: "done").count == number }
            }
            #expect(try await files.service.desk.verifyTickets()["tickets"] == 3)
            #expect(files.names(in: "done") == ["tickets.ndjson", "tickets.ndjson.2", "tickets.ndjson.3"])
            try await daemon.stop()
        }

        @Test func theSameFileAgainStoresNothingTwice() async throws {
            let files = try await SpoolDesk()
            let daemon = try files.service.serve()
            for _ in 0..<2 {
                try files.putByRenaming("trades.ndjson", MarketLines.text(1...100))
                try await poll("it is taken") { !files.names().contains("trades.ndjson") }
            }
            #expect(try await files.stored() == Array(1...100))
            try await daemon.stop()
        }

        @Test func filesWaitForADatabaseThatIsAway() async throws {
            let server = try await LocalMongo.start()
            defer { server.stop() }
            let files = try await SpoolDesk(at: server)
            let daemon = try files.service.serve()
            try files.put("first.ndjson", MarketLines.text(1...10))
            try await poll("the first is done") { files.names(in: "done").count == 1 }
            server.kill()
            try files.put("second.ndjson", MarketLines.text(11...20))
            try files.put("third.ndjson", MarketLines.text(21...30))
            try await daemon.wait(for: "degraded")
            #expect(
                try await daemon.readiness().reasons.contains {
                    $0.hasPrefix("files: nothing is stored, the files wait: ")
                }
            )
            #expect(files.names() == ["done", "failed", "second.ndjson", "third.ndjson"])
            try await server.restart()
            try await poll("all are done", within: .seconds(60)) { files.names(in: "done").count == 3 }
            try await daemon.wait(for: "ready")
            #expect(try await files.stored() == Array(1...30) && files.names(in: "failed").isEmpty)
            #expect(daemon.log.contains("files: goes on as it should"))
            try await daemon.stop()
        }

        @Test func aKilledDaemonStoresALargeFileOnce() async throws {
            let files = try await SpoolDesk(format: Sample.format)
            let desk = files.service.desk
            let sample = try await Sample.make(events: 400_000, seed: 5, in: desk.folder)
            var daemon = try files.service.serve()
            try await daemon.wait(for: "ready")
            try files.move(sample.path, "feed.ndjson")
            var interrupted = 0
            for _ in 0..<3 {
                try await poll("some of it is stored") {
                    if files.names(in: "done").count == 1 { return true }
                    return try await (daemon.source("files", in: "files")?["stored_events"]?.integer ?? 0) > 0
                }
                try await daemon.kill()
                if files.names(in: "done").isEmpty { interrupted += 1 }
                daemon = try files.service.serve()
            }
            #expect(interrupted > 0, "the file was never interrupted")
            try await poll("it is done", within: .seconds(90)) { files.names(in: "done") == ["feed.ndjson"] }
            try await desk.expectHolds(sample)
            #expect(files.names(in: "failed").isEmpty)
            try await daemon.stop()
        }

        @Test func aKilledDaemonStoresTicketsOnce() async throws {
            let feed = TicketFeed.lines(4_000, seed: 17, padding: 500).map { $0 + "\n" }.joined()
            let reference = try await Desk()
            let path = try reference.file("feed.ndjson", feed)
            try await reference.replayTickets("--source", "files", path, exits: 1)
            let files = try await SpoolDesk(format: ["format: ticket-events"])
            var daemon = try files.service.serve()
            try await daemon.wait(for: "ready")
            try files.putByRenaming("feed.ndjson", feed)
            for _ in 0..<3 {
                try await poll("some of it is stored") {
                    if files.names(in: "done").count == 1 { return true }
                    return try await (daemon.source("files", in: "files")?["stored_events"]?.integer ?? 0) > 0
                }
                try await daemon.kill()
                daemon = try files.service.serve()
            }
            try await poll("it is done", within: .seconds(90)) { files.names(in: "done") == ["feed.ndjson"] }
            expectSame(try await files.service.desk.ticketPicture(), try await reference.ticketPicture())
            try await files.service.desk.verifyTickets()
            try await daemon.stop()
        }

        @Test func aFolderThatCannotBeMadeIsNamed() async throws {
            let service = try await ServiceDesk()
            let path = service.desk.folder + "/missing/spool"
            let good = "  - { name: good, kind: spool, path: \"\(service.desk.folder)/good\" }\n"
            let bad = "  - { name: bad, kind: spool, path: \"\(path)\" }\n"
            try service.configure("sources:\n" + bad)
            let ending = try await service.serveToTheEnd()
            #expect(ending.code == 2 && ending.error.contains(path), "\(ending.error)")
            // A daemon that runs is not ended by it.
            try service.configure("sources:\n" + good)
            let daemon = try service.serve()
            try await daemon.wait(for: "ready")
            try service.configure("sources:\n" + good + bad)
            daemon.program.hangUp()
            try await poll("it is named") { daemon.log.contains(path) }
            #expect(try await daemon.get("/healthz").status == 200)
            try await daemon.stop()
        }
    }
}

extension Sample {
    /// How its lines are read, as keys of a source.
    fileprivate static let format = ["format: ndjson", "venue_name: DEMO", "map: \"\(map)\""]
}

/// Trades as lines of JSON.
enum MarketLines {
    static let format = ["format: ndjson", "venue_name: DEMO", "map: \"symbol=s,price=p,size=q,time=t,id=i\""]
    static let instrument = "DEMO:X"

    static func line(_ number: Int) -> String {
        #"{"s":"X","p":"10.5","q":"2","t":\#(1_723_161_255_000 + number),"i":\#(number)}"# + "\n"
    }

    static func text(_ numbers: some Sequence<Int>) -> String { numbers.map(line).joined() }
}

/// A service with a spool folder.
private struct SpoolDesk {
    let service: ServiceDesk
    let spool: String

    init(at server: LocalMongo? = nil, format: [String] = MarketLines.format) async throws {
        service = try await ServiceDesk(at: server)
        spool = service.desk.folder + "/spool"
        let keys = ["name: files", "kind: spool", "path: \"\(spool)\""] + format
        try service.configure("sources:\n  - { \(keys.joined(separator: ", ")) }")
        try FileManager.default.createDirectory(atPath: spool, withIntermediateDirectories: true)
    }

    func stored() async throws -> [Int] { try await service.stored(MarketLines.instrument) }

    /// Writes a file under its name, in one go.
    func put(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(filePath: spool + "/" + name))
    }

    /// Writes a file elsewhere, and gives it its name when it is whole.
    func putByRenaming(_ name: String, _ text: String) throws {
        try move(try service.desk.file("draft-\(UInt64.random(in: 0 ... .max))", text), name)
    }

    func move(_ path: String, _ name: String) throws {
        try FileManager.default.moveItem(atPath: path, toPath: spool + "/" + name)
    }

    func openForWriting(_ name: String) throws -> FileHandle {
        try put(name, "")
        return try FileHandle(forWritingTo: URL(filePath: spool + "/" + name))
    }

    /// What is in the folder, or in one of those in it.
    func names(in folder: String = "") -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: spool + "/" + folder)) ?? []).sorted()
    }
}
