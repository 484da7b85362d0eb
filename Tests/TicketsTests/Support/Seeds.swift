import Foundation

/// Which seeds a test runs.
enum Seeds {
    /// The usual seeds, or only the one that `TAPEDESK_SEED` names.
    static func list(_ usual: ClosedRange<UInt64>) -> [UInt64] {
        if let only = ProcessInfo.processInfo.environment["TAPEDESK_SEED"].flatMap({ UInt64($0) }) { return [only] }
        return Array(usual)
    }

    /// Says what was wrong, and how to see it again.
    static func report(_ seed: UInt64, _ test: String, _ problems: [String]) -> String {
        let list = problems.prefix(8).joined(separator: "\n  ")
        return "seed \(seed):\n  \(list)\nrerun: TAPEDESK_SEED=\(seed) swift test --filter '\(test)'"
    }
}
