public import BSON

/// A support ticket at one version.
///
/// Times are in milliseconds since 1970 UTC.
public struct Ticket: Equatable, Sendable {
    public let id: String
    /// The number of changes so far, and of the last event.
    public internal(set) var version: Int64 = 0
    public internal(set) var subject: String?
    public internal(set) var description: String?
    public internal(set) var status = TicketStatus.new
    public internal(set) var priority: TicketPriority?
    public internal(set) var assignee: String?
    public internal(set) var group: String?
    /// In the order in which they were given.
    public internal(set) var tags: [String] = []
    public internal(set) var requester: String?
    /// Fields that came with an import, in the order of their names.
    public internal(set) var custom: [String: BSONValue] = [:]
    public internal(set) var createdAt: Int64 = 0
    public internal(set) var updatedAt: Int64 = 0
    /// When the first public comment of somebody else than the requester came.
    public internal(set) var firstResponseAt: Int64?
    public internal(set) var resolvedAt: Int64?
    public internal(set) var closedAt: Int64?
    /// When the next thing is due that is owed to the requester; nil where nothing is.
    public internal(set) var dueAt: Int64?
    public internal(set) var commentCount: Int64 = 0
    /// What a source found odd.
    public internal(set) var flags: [String] = []
    /// Whether the source has deleted it.
    public internal(set) var isDeleted = false
    public internal(set) var mergedInto: String?
    public internal(set) var mergedTickets: [String] = []
    public internal(set) var splitFrom: String?
    public internal(set) var splitTickets: [String] = []
    /// Everybody who ever was the requester, in lower case.
    public internal(set) var requesters: [String] = []
    /// Where the ticket came from, if it was imported.
    public internal(set) var source: TicketSource?

    var terms: [String] = []
    var headHash = EventChain.start
    var historyBytes: Int64 = 0
    /// Where the oldest events are, in their order.
    var archives: [TicketArchive] = []

    /// The events that are not in the archive, as far as they were read.
    public internal(set) var events: [TicketEvent] = []

    /// A ticket that does not exist yet.
    init(id: String) { self.id = id }

    /// Whether something was due before `time`.
    public func isOverdue(at time: Int64) -> Bool { dueAt.map { $0 < time } ?? false }
}

/// The ticket of another system that a ticket follows.
public struct TicketSource: Equatable, Sendable {
    /// A hole in the numbers of the steps.
    struct Gap: Equatable, Sendable {
        /// The last number before the hole and the first behind it.
        let after: Int64
        let before: Int64
        /// How often the numbers had begun anew by then.
        let numbering: Int64
        /// What is missing of it still, in order.
        var missing: [ClosedRange<Int64>]

        var missingCount: Int64 { missing.reduce(0) { $0 + Int64($1.count) } }
    }

    public let source: String
    public let externalID: String
    /// The highest number of a step that was applied.
    public internal(set) var appliedSequence: Int64
    /// When that step happened, by the source's clock.
    var appliedAt: Int64?
    /// How often the numbers have begun anew.
    var numbering: Int64 = 0
    /// Holes below it, as far as the source numbers its steps without any.
    var gaps: [Gap] = []
}

/// An archive document that holds events of a ticket.
struct TicketArchive: Equatable, Sendable {
    let id: ObjectID
    let sequences: ClosedRange<Int64>
}

extension Ticket {
    /// The last event that is in the archive; 0 where none is.
    var archivedThrough: Int64 { archives.last?.sequences.upperBound ?? 0 }

    /// The value of a field.
    public subscript(field: TicketField) -> BSONValue {
        switch field {
        case .subject: .text(subject)
        case .description: .text(description)
        case .status: .string(status.rawValue)
        case .priority: .text(priority?.rawValue)
        case .assignee: .text(assignee)
        case .group: .text(group)
        case .tags: .texts(tags)
        case .requester: .text(requester)
        case .mergedInto: .text(mergedInto)
        case .mergedTickets: .texts(mergedTickets)
        case .splitFrom: .text(splitFrom)
        case .splitTickets: .texts(splitTickets)
        case .flags: .texts(flags)
        case .isDeleted: .bool(isDeleted)
        case .createdAt: .datetime(createdAt)
        case .firstResponseAt: .time(firstResponseAt)
        case .resolvedAt: .time(resolvedAt)
        default: field.customName.flatMap { custom[$0] } ?? .null
        }
    }

    /// Gives a field the value that an event says it has.
    mutating func set(_ field: TicketField, _ value: BSONValue) {
        switch field {
        case .subject: subject = value.string
        case .description: description = value.string
        case .status: status = value.string.flatMap(TicketStatus.init(rawValue:)) ?? status
        case .priority: priority = value.string.flatMap(TicketPriority.init(rawValue:))
        case .assignee: assignee = value.string
        case .group: group = value.string
        case .tags: tags = value.strings ?? []
        case .requester: requester = value.string
        case .mergedInto: mergedInto = value.string
        case .mergedTickets: mergedTickets = value.strings ?? []
        case .splitFrom: splitFrom = value.string
        case .splitTickets: splitTickets = value.strings ?? []
        case .flags: flags = value.strings ?? []
        case .isDeleted: isDeleted = value.bool ?? false
        case .createdAt: createdAt = value.datetime ?? createdAt
        case .firstResponseAt: firstResponseAt = value.datetime
        case .resolvedAt: resolvedAt = value.datetime
        default:
            guard let name = field.customName else { return }
            // Not by assigning nil, which is the value null here.
            if value == .null { custom.removeValue(forKey: name) } else { custom[name] = value }
        }
    }
}

extension BSONValue {
    static func text(_ text: String?) -> BSONValue { text.map { .string($0) } ?? .null }
    static func texts(_ texts: [String]) -> BSONValue { .array(texts.map { .string($0) }) }
    static func time(_ time: Int64?) -> BSONValue { time.map { .datetime($0) } ?? .null }
}
