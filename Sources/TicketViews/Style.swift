/// Whether text has colours, and which.
package enum Style: Sendable {
    case plain
    case coloured

    /// What a piece of text is, by which it is coloured.
    package enum Role: Sendable {
        case heading
        case label
        case faint
        case overdue
        case urgent
        case internalNote
        case presence
        case yours
        case theirs

        /// The parameters of "select graphic rendition" (ECMA-48, 8.3.117).
        fileprivate var parameters: String {
            switch self {
            case .heading: "1"
            case .label: "36"
            case .faint: "2"
            case .overdue: "1;31"
            case .urgent: "31"
            case .internalNote: "33"
            case .presence: "35"
            case .yours: "32"
            case .theirs: "31"
            }
        }
    }

    /// The text in the colours of its role; an empty text stays empty.
    package func apply(_ role: Role, _ text: String) -> String {
        guard self == .coloured, !text.isEmpty else { return text }
        return "\u{1B}[\(role.parameters)m\(text)\u{1B}[0m"
    }
}
