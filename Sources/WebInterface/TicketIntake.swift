import Console
import Digests
import DocumentStore
import Feeds
import HTTPTypes
import Hummingbird
package import Ingest
import JSONOutput
import MarketData

/// Takes tickets that are handed in over HTTP, and answers when they are stored.
///
/// The body is a recording in the format `ticket-events`. Handing it in again does no harm: what is stored already is
/// known by the numbers of the tickets' events.
package struct TicketIntake: Sendable {
    private let target: TicketReplay.Target
    private let isPrepared: @Sendable () -> Bool

    /// The largest body.
    private static let bytesMax = 16 << 20
    /// A client that was refused because MongoDB is away is to come back after so many seconds.
    private static let retryAfter = "5"

    /// - Parameter isPrepared: whether the collections are there.
    package init(target: TicketReplay.Target, isPrepared: @escaping @Sendable () -> Bool) {
        self.target = target
        self.isPrepared = isPrepared
    }

    /// Stores the body of a request.
    ///
    /// - Parameter name: what the tickets are filed under.
    func take(_ request: Request, from name: String) async throws -> Response {
        guard isPrepared() else { throw Self.unavailable("MongoDB was not reached yet") }
        var request = request
        let body: ByteBuffer
        do {
            body = try await request.collectBody(upTo: Self.bytesMax)
        } catch let error as any HTTPResponseError where error.status == .contentTooLarge {
            throw HTTPError(
                .contentTooLarge,
                headers: [.connection: "close"],
                message: "a request has \(Self.bytesMax >> 20) MB at most: hand in fewer events at a time"
            )
        }
        let bytes = Array(buffer: body)
        guard !bytes.isEmpty else { throw HTTPError(.badRequest, message: "the body is empty: send ticket events") }
        let report = try await replay(bytes, from: name)
        if case .failure(let error) = report.end { throw HTTPError(.badRequest, message: error.message) }
        return Self.answer(report)
    }

    private func replay(_ bytes: [UInt8], from name: String) async throws -> ReplayReport {
        // Rejected lines are kept under the digest of the body: the same body rejects the same lines.
        let digest = SHA256.hexadecimal(Array(SHA256.digest(bytes).prefix(8)))
        var options = TicketReplay.Options(source: name, tape: "\(name)/http-\(digest)")
        options.keepsCheckpoint = false
        do {
            let input = try TapeInput(stream: MemorySource(bytes), path: "the body", name: name)
            let format = try TicketFormats.format(named: .ticketEvents, for: input)
            return try await TicketReplay(options, format: format, target: target).run(input)
        } catch let error as InputError {
            throw HTTPError(.badRequest, message: error.message)
        } catch let error as StoreError where error.isWorthWaitingFor {
            throw Self.unavailable(error.message)
        } catch let error as StoreError {
            throw HTTPError(.internalServerError, message: error.message)
        }
    }

    private static func unavailable(_ reason: String) -> HTTPError {
        HTTPError(
            .serviceUnavailable,
            headers: [.retryAfter: retryAfter],
            message: "\(reason): nothing is lost if you send it again, part of it may be stored"
        )
    }

    private static func answer(_ report: ReplayReport) -> Response {
        var counts = report.counts
        // A body that ends within a record: the record is not stored, and the client knows it from here.
        if report.truncatedAt != nil { counts.rejected["truncated", default: 0] += 1 }
        let rejected = counts.rejected.values.reduce(0, +)
        return WebServer.json(
            .object([
                ("records", .integer(counts.records)),
                ("stored", .integer(report.stored)),
                ("duplicates", .integer(counts.eventTotal - report.stored - counts.rejectedEvents)),
                ("rejected", .integer(rejected)),
                ("rejects", .array(report.rejectedSamples.map(reject) + truncated(report))),
            ])
        )
    }

    private static func truncated(_ report: ReplayReport) -> [JSONText] {
        guard let place = report.truncatedAt else { return [] }
        return [
            .object([
                ("line", .integer(Int(place.line + 1))), ("rule", .string("truncated")),
                ("reason", .string("the body ends in the middle of this line")),
            ])
        ]
    }

    private static func reject(_ record: RejectedRecord) -> JSONText {
        .object([
            ("line", .integer(Int(record.position.line + 1))), ("rule", .string(record.rule.rawValue)),
            ("reason", .string(record.reason)),
        ])
    }
}
