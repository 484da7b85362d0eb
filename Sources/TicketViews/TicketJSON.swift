package import BSON
import Console
package import JSONOutput
package import Tickets

/// Tickets as programs read them: what `--json` prints.
///
/// Fields are always there, in the order given here; new ones come behind them. A value that is missing, or was erased,
/// is null. Times are RFC 3339 in UTC with milliseconds, `2026-11-21T13:45:00.123Z`.
package enum TicketJSON {
    /// One ticket with its thread.
    ///
    /// `id, subject, description, status, priority, assignee, group, tags, requester, comments, created_at, updated_at,
    /// version`, then `due_at, first_response_at, resolved_at, closed_at, custom, flags, deleted, merged_into,
    /// merged_tickets, split_from, split_tickets, source, external_id`. A comment has `author, text, internal, time,
    /// sequence`; one of a merged ticket also names it in `ticket`. Comments are sorted by their time.
    ///
    /// - Parameters:
    ///   - ticket: with its events, from which the comments are taken.
    ///   - merged: the tickets that were merged into it, with their events.
    package static func ticket(_ ticket: Ticket, merged: [Ticket] = []) -> JSONText {
        let comments = ticket.thread(with: merged).map { comment($0, of: ticket) }
        return .object(
            [("id", .string(ticket.id)), ("subject", text(ticket.subject)), ("description", text(ticket.description))]
                + state(ticket) + [("comments", .array(comments))] + times(ticket) + rest(ticket)
        )
    }

    /// One ticket of a list.
    ///
    /// As `ticket`, without `comments`; behind the others `comment_count`, `overdue` and `open_by`,
    /// an array of `agent` and `activity` (`editing` or `looking`).
    ///
    /// - Parameters:
    ///   - now: by the server's clock, in milliseconds since 1970.
    ///   - openedBy: marks of this ticket; others are left out.
    package static func row(_ ticket: Ticket, now: Int64, openedBy: [Presence] = []) -> JSONText {
        let marks = openedBy.filter { $0.ticket == ticket.id }.map { presence in
            JSONText.object([
                ("agent", .string(presence.agent)), ("activity", .string(presence.activity.rawValue)),
            ])
        }
        return .object(
            [("id", .string(ticket.id)), ("subject", text(ticket.subject)), ("description", text(ticket.description))]
                + state(ticket) + times(ticket) + rest(ticket) + [
                    ("comment_count", .integer(Int(clamping: ticket.commentCount))),
                    ("overdue", .bool(ticket.isOverdue(at: now))), ("open_by", .array(marks)),
                ]
        )
    }

    /// One step of a ticket's history.
    ///
    /// `sequence, time, actor, operation, changes, hash, previous_hash`, then `ticket, operation_id, occurred_at,
    /// late`. `changes` has for each field `from` and `to`, and `"erased": true` where they were erased. The hashes
    /// and the id are in lower-case hexadecimal digits. `occurred_at` is when it happened in the system that reported
    /// it; `late` says that later steps had been applied before, so that the fields did not follow this one.
    package static func event(_ event: TicketEvent, ticket: String) -> JSONText {
        let changes = event.changes.map { change in
            var sides = [("from", value(change.change.from)), ("to", value(change.change.to))]
            if change.isErased { sides.append(("erased", .bool(true))) }
            return (change.change.field.name, JSONText.object(sides))
        }
        return .object([
            ("sequence", .integer(Int(event.sequence))), ("time", time(event.time)), ("actor", text(event.actor)),
            ("operation", .string(event.operation.rawValue)), ("changes", .object(changes)),
            ("hash", .string(hexadecimal(event.hash))), ("previous_hash", .string(hexadecimal(event.previousHash))),
            ("ticket", .string(ticket)), ("operation_id", .string(event.operationID.description)),
            ("occurred_at", time(event.origin?.occurredAt)), ("late", .bool(!event.isApplied)),
        ])
    }

    /// Fields that both sides changed: `{"conflict": {field: {"yours", "theirs", "by", "at"}}}`.
    package static func conflict(_ conflicts: [FieldConflict]) -> JSONText {
        let fields = conflicts.map { conflict in
            (
                conflict.field.name,
                JSONText.object([
                    ("yours", value(conflict.yours)), ("theirs", value(conflict.theirs)), ("by", text(conflict.by)),
                    ("at", time(conflict.at)),
                ])
            )
        }
        return .object([("conflict", .object(fields))])
    }

    /// A stored value: strings, arrays, objects and numbers as themselves, times as text.
    ///
    /// Exact decimals, ids and bytes are strings (bytes in hexadecimal digits), numbers that JSON cannot say are null.
    package static func value(_ value: BSONValue) -> JSONText {
        switch value {
        case .string(let text): .string(text)
        case .bool(let flag): .bool(flag)
        case .int32(let number): .integer(Int(number))
        case .int64(let number): .integer(Int(number))
        case .double(let number): number.isFinite ? .number(number) : .null
        case .decimal128(let number): number.parts.map { .string(decimal($0.coefficient, $0.exponent)) } ?? .null
        case .datetime(let milliseconds): time(milliseconds)
        case .objectID(let id): .string(id.description)
        case .binary(let bytes): .string(hexadecimal(bytes))
        case .array(let elements): .array(elements.map { self.value($0) })
        case .document(let document): .object(document.fields.map { ($0.key, self.value($0.value)) })
        case .timestamp(let number): .string(String(number))
        case .null, .minKey, .maxKey: .null
        }
    }

    // MARK: - Parts

    private static func state(_ ticket: Ticket) -> [(String, JSONText)] {
        [
            ("status", .string(ticket.status.rawValue)), ("priority", text(ticket.priority?.rawValue)),
            ("assignee", text(ticket.assignee)), ("group", text(ticket.group)), ("tags", texts(ticket.tags)),
            ("requester", text(ticket.requester)),
        ]
    }

    private static func times(_ ticket: Ticket) -> [(String, JSONText)] {
        [
            ("created_at", time(ticket.createdAt)), ("updated_at", time(ticket.updatedAt)),
            ("version", .integer(Int(ticket.version))),
        ]
    }

    private static func rest(_ ticket: Ticket) -> [(String, JSONText)] {
        let custom = ticket.custom.sorted { $0.key < $1.key }.map { ($0.key, value($0.value)) }
        return [
            ("due_at", time(ticket.dueAt)), ("first_response_at", time(ticket.firstResponseAt)),
            ("resolved_at", time(ticket.resolvedAt)), ("closed_at", time(ticket.closedAt)), ("custom", .object(custom)),
            ("flags", texts(ticket.flags)), ("deleted", .bool(ticket.isDeleted)),
            ("merged_into", text(ticket.mergedInto)), ("merged_tickets", texts(ticket.mergedTickets)),
            ("split_from", text(ticket.splitFrom)), ("split_tickets", texts(ticket.splitTickets)),
            ("source", text(ticket.source?.source)), ("external_id", text(ticket.source?.externalID)),
        ]
    }

    private static func comment(_ comment: TicketComment, of ticket: Ticket) -> JSONText {
        var fields: [(String, JSONText)] = [
            ("author", text(comment.author)), ("text", text(comment.text)), ("internal", .bool(comment.isInternal)),
            ("time", time(comment.time)), ("sequence", .integer(Int(comment.sequence))),
        ]
        if comment.ticket != ticket.id { fields.append(("ticket", .string(comment.ticket))) }
        return .object(fields)
    }

    private static func text(_ text: String?) -> JSONText { text.map { .string($0) } ?? .null }

    private static func texts(_ texts: [String]) -> JSONText { .array(texts.map { .string($0) }) }

    private static func time(_ time: Int64?) -> JSONText { time.map { .string(DateText.rfc3339($0)) } ?? .null }

    /// The exact number, with a point where the exponent is a place behind it and with an `E` where it is far off.
    private static func decimal(_ coefficient: Int128, _ exponent: Int) -> String {
        guard (-34..<0).contains(exponent) else {
            return exponent == 0 ? "\(coefficient)" : "\(coefficient)E\(exponent)"
        }
        let digits = String(coefficient.magnitude)
        let padded = String(repeating: "0", count: max(0, 1 - exponent - digits.count)) + digits
        return (coefficient < 0 ? "-" : "") + padded.dropLast(-exponent) + "." + padded.suffix(-exponent)
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

extension Ticket {
    /// The comments of the ticket, and the descriptions and comments of those that were merged into it, by their time.
    func thread(with merged: [Ticket]) -> [TicketComment] {
        guard !merged.isEmpty else { return comments.sorted { ($0.time, $0.sequence) < ($1.time, $1.sequence) } }
        return (comments + merged.flatMap { $0.opening + $0.comments })
            .sorted { ($0.time, $0.ticket, $0.sequence) < ($1.time, $1.ticket, $1.sequence) }
    }

    /// The description as the first comment of a thread that is shown within another one.
    private var opening: [TicketComment] {
        guard let description else { return [] }
        return [TicketComment(opening: self, text: description)]
    }
}
