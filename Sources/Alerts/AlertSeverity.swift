/// How much an alert matters to whoever reads it; the rule says so.
package enum AlertSeverity: String, CaseIterable, Comparable, Sendable {
    case info
    case warning
    case critical

    package static func < (left: AlertSeverity, right: AlertSeverity) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .info: 0
        case .warning: 1
        case .critical: 2
        }
    }
}
