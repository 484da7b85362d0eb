public import BSON

/// Names one field of a ticket that agents and sources change.
///
/// The well-known ones are listed here; `custom.<name>` are those that came with an import.
public struct TicketField: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let name: String

    private init(known name: String) { self.name = name }

    public static let subject = TicketField(known: "subject")
    public static let description = TicketField(known: "description")
    public static let status = TicketField(known: "status")
    public static let priority = TicketField(known: "priority")
    public static let assignee = TicketField(known: "assignee")
    public static let group = TicketField(known: "group")
    public static let tags = TicketField(known: "tags")
    public static let requester = TicketField(known: "requester")

    /// The fields of every ticket, in the order in which forms show them.
    public static let known: [TicketField] = [
        .subject, .requester, .status, .priority, .assignee, .group, .tags, .description,
    ]

    /// What only events name: the text of a comment and whether it is for agents alone.
    static let comment = TicketField(known: "comment")
    static let isInternal = TicketField(known: "internal")
    /// Links between tickets.
    static let mergedInto = TicketField(known: "merged_into")
    static let mergedTickets = TicketField(known: "merged_tickets")
    static let splitFrom = TicketField(known: "split_from")
    static let splitTickets = TicketField(known: "split_tickets")
    /// What a source says about a ticket.
    static let createdAt = TicketField(known: "created_at")
    static let firstResponseAt = TicketField(known: "first_response_at")
    static let resolvedAt = TicketField(known: "resolved_at")
    static let flags = TicketField(known: "flags")
    static let isDeleted = TicketField(known: "deleted")

    private static let customPrefix = "custom."

    /// A field by the name that commands and imports use, or nil where there is no such field.
    public init?(_ name: String) {
        if Self.known.contains(where: { $0.name == name }) {
            self.name = name
        } else if name.hasPrefix(Self.customPrefix) {
            let rest = name.utf8.dropFirst(Self.customPrefix.utf8.count)
            let isName = rest.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"),
                    UInt8(ascii: "-"):
                    true
                default: false
                }
            }
            guard (1...100).contains(rest.count), isName else { return nil }
            self.name = name
        } else {
            return nil
        }
    }

    /// A field of a stored event; whatever an event names is one.
    init(stored name: String) { self.name = name }

    /// The name without the prefix, where this is a custom field.
    var customName: String? {
        name.hasPrefix(Self.customPrefix) ? String(name.dropFirst(Self.customPrefix.count)) : nil
    }

    /// Whether the value may tell who the requester is: such values are sealed with a salt, and can be erased.
    public var isPersonal: Bool {
        switch self {
        case .subject, .description, .requester, .comment: true
        default: customName != nil
        }
    }

    public var description: String { name }

    public static func < (left: TicketField, right: TicketField) -> Bool { left.name < right.name }
}

/// A field that went from one value to another.
///
/// Values are strings, null, or for tags and links arrays of strings.
public struct FieldChange: Equatable, Sendable {
    public let field: TicketField
    public let from: BSONValue
    public let to: BSONValue

    public init(_ field: TicketField, from: BSONValue, to: BSONValue) {
        self.field = field
        self.from = from
        self.to = to
    }
}
