/// What a check found wrong: all of it counted, the first of it in words.
struct Findings: Sendable {
    static let listedMax = 50

    private(set) var count = 0
    private(set) var listed: [String] = []

    mutating func add(_ finding: String) {
        count += 1
        if listed.count < Self.listedMax { listed.append(finding) }
    }

    mutating func add(_ others: Findings) {
        count += others.count
        listed += others.listed.prefix(max(0, Self.listedMax - listed.count))
    }

    mutating func require(_ condition: Bool, _ finding: @autoclosure () -> String) {
        if !condition { add(finding()) }
    }
}
