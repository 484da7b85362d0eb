import Foundation
import TestSupport
import Testing

/// What `replay --json` prints of tickets: as of market data, and how many tickets there are.
struct TicketReplayDocument: Decodable, Equatable {
    static let keys = ReplayDocument.keys + ["tickets"]

    let source: String
    let format: String
    let records: Int
    let events: [String: Int]
    let ignored: [String: Int]
    let stored: Int
    let alreadyStored: Int
    let flagged: [String: Int]
    let rejected: [String: Int]
    let gaps: [ReplayDocument.Gap]
    let bytes: Int
    let complete: Bool
    let tickets: Int

    private enum CodingKeys: String, CodingKey {
        case source, format, records, events, ignored, stored
        case alreadyStored = "already_stored"
        case flagged, rejected, gaps, bytes, complete, tickets
    }

    /// Reads the one line that `replay --json` writes, which has to be as documented to the letter.
    init(_ ending: Ending) throws {
        guard ending.text.hasSuffix("\n"), ending.lines.count == 1 else {
            throw HarnessError(description: "not one line on stdout: '\(ending.text)', stderr: '\(ending.error)'")
        }
        self = try JSONDecoder().decode(Self.self, from: ending.output)
        #expect(JSON.orderedNames(ending.text) == Self.keys)
        #expect(Set(events.keys) == ["create", "comment", "change", "snapshot"])
    }

    /// The same without what tells one run from another.
    var counts: [String: String] {
        [
            "records": "\(records)", "events": "\(events.sorted { $0.key < $1.key })",
            "flagged": "\(flagged.sorted { $0.key < $1.key })", "rejected": "\(rejected.sorted { $0.key < $1.key })",
            "gaps": "\(Set(gaps.map { "\($0)" }).sorted())", "bytes": "\(bytes)", "complete": "\(complete)",
            "tickets": "\(tickets)",
        ]
    }
}

extension Desk {
    /// Replays tickets with `--json` and reads what it prints.
    @discardableResult
    func replayTickets(
        _ words: String...,
        input: ChildProcess.Input = .nothing,
        exits code: Int32 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> TicketReplayDocument {
        let ending = try await start(["replay", "--json"] + words, input: input).wait()
        #expect(ending.code == code, "\(ending.error)", sourceLocation: sourceLocation)
        return try TicketReplayDocument(ending)
    }

    /// Proves the histories, and answers how many tickets and events there are.
    @discardableResult
    func verifyTickets(sourceLocation: SourceLocation = #_sourceLocation) async throws -> JSON {
        let ending = try await run("verify", "--tickets", "--json")
        #expect(ending.code == 0, "\(ending.text)", sourceLocation: sourceLocation)
        let document = try JSON(ending.text)
        #expect(document["clean"] == true && document["findings"] == [], sourceLocation: sourceLocation)
        return document
    }

    /// Asks `Oracles/tickets.py`, which reads the database on its own.
    func oracle(_ words: String...) async throws -> Ending {
        let port = try #require(URLComponents(string: uri)?.port)
        let script = [try await OraclePython.path.value, Product.oracle("tickets.py"), "\(port)", database]
        return try await ChildProcess(script + words, folder: folder).wait(within: .seconds(120))
    }

    /// Tickets, histories, rejects and gaps, without what differs from run to run.
    func ticketPicture() async throws -> Data {
        let ending = try await oracle("dump")
        guard ending.code == 0 else { throw HarnessError(description: "no dump: \(ending.error)") }
        return ending.output
    }

    /// The rejected records or the gaps, as the oracle prints them.
    func records(_ collection: String) async throws -> [JSON] {
        let ending = try await oracle("records", collection)
        guard ending.code == 0 else { throw HarnessError(description: "no records: \(ending.error)") }
        return try ending.lines.map { try JSON($0) }
    }
}

/// A Python that has pymongo.
private enum OraclePython {
    static let path = Task {
        let folder = try TemporaryFolder.make()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let script = Product.packageRoot.appendingPathComponent("scripts/local-mongo").path
        let ending = try await ChildProcess([script, "python"], folder: folder).wait(within: .seconds(300))
        guard ending.code == 0, let line = ending.lines.last else {
            throw HarnessError(description: "scripts/local-mongo python: \(ending.error)")
        }
        return String(line)
    }
}

/// A feed of ticket events with everything that goes wrong with feeds.
enum TicketFeed {
    /// Lines about fifty tickets: late, repeated, missing, refused and conflicting ones among them.
    ///
    /// Comments have so many bytes more than a few words.
    static func lines(_ count: Int, seed: UInt64, padding: Int = 0) -> [String] {
        let padding = String(repeating: "longer ", count: padding / 7)
        var random = SeededGenerator(seed: seed)
        var next = [Int](repeating: 0, count: 50)
        var lines: [String] = []
        for number in 0..<count {
            if number > 0, Int.random(in: 0..<12, using: &random) == 0 {
                lines.append(lines[Int.random(in: max(0, number - 200)..<number, using: &random)])
                continue
            }
            let ticket = Int.random(in: next.indices, using: &random)
            // The first is sometimes no creation: then the ticket is not known.
            let isFirst = next[ticket] == 0 && Int.random(in: 0..<8, using: &random) > 0
            next[ticket] += Int.random(in: 0..<15, using: &random) == 0 ? 2 : 1
            let isLate = !isFirst && Int.random(in: 0..<10, using: &random) == 0
            let sequence = isLate ? max(1, next[ticket] - 3) : next[ticket]
            let place = #""ticket":"T\#(ticket)","sequence":\#(sequence),"time":\#(1_714_553_000 + number * 7)"#
            lines.append("{\(place),\(content(number, isFirst: isFirst, version: next[ticket], &random, padding))}")
        }
        return lines
    }

    private static func content(
        _ number: Int,
        isFirst: Bool,
        version: Int,
        _ random: inout SeededGenerator,
        _ padding: String
    ) -> String {
        if isFirst {
            let fields = #""subject":"Subject \#(number)","requester":"r\#(number)@example.com""#
            return #""type":"create","fields":{\#(fields)}"#
        }
        switch Int.random(in: 0..<20, using: &random) {
        case 0: return #""type":"change","fields":{"status":"asleep"}"#
        case 1: return #""type":"chang"#
        case 2...9:
            return #""type":"comment","actor":"mia","text":"First line \#(number)\nand a second one, ä \#(padding)""#
        default:
            let status = ["open", "pending", "resolved", "closed"][Int.random(in: 0..<4, using: &random)]
            let expected =
                Int.random(in: 0..<3, using: &random) == 0 ? #","expected_version":\#(max(1, version - 4))"# : ""
            return #""type":"change","fields":{"status":"\#(status)","custom.note":"n\#(number)"}\#(expected)"#
        }
    }
}
