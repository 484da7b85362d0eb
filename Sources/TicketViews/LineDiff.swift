/// The lines that two texts have in common, and those of one of them.
package enum LineDiff {
    package enum Part: Equatable, Sendable {
        case common([String])
        /// Lines of one text in place of lines of the other; one of the two may be empty.
        case differing(first: [String], second: [String])
    }

    /// With more pairs of lines to compare than this, all that differs counts as one part.
    private static let pairsMax = 1_000_000

    /// The parts of two texts in their order.
    ///
    /// The longest common subsequence of the lines, by dynamic programming over what lies between a common beginning
    /// and a common end (J. W. Hunt and M. D. McIlroy, "An Algorithm for Differential File Comparison", 1976).
    package static func parts(_ first: [String], _ second: [String]) -> [Part] {
        let head = zip(first, second).prefix { same($0, $1) }.count
        let tailMax = min(first.count, second.count) - head
        let tail = zip(first.reversed(), second.reversed()).prefix { same($0, $1) }.prefix(tailMax).count
        var builder = PartBuilder()
        first.prefix(head).forEach { builder.common($0) }
        middle(Array(first[head..<first.count - tail]), Array(second[head..<second.count - tail]), &builder)
        first.suffix(tail).forEach { builder.common($0) }
        return builder.finish()
    }

    private static func middle(_ first: [String], _ second: [String], _ builder: inout PartBuilder) {
        let columns = second.count + 1
        guard first.count * second.count <= pairsMax, !first.isEmpty, !second.isEmpty else {
            first.forEach { builder.first($0) }
            second.forEach { builder.second($0) }
            return
        }
        // lengths[i * columns + j] is that of the longest common subsequence of first[i...] and second[j...].
        var lengths = [Int32](repeating: 0, count: (first.count + 1) * columns)
        for row in first.indices.reversed() {
            for column in second.indices.reversed() {
                let place = row * columns + column
                lengths[place] =
                    same(first[row], second[column])
                    ? lengths[place + columns + 1] + 1 : max(lengths[place + columns], lengths[place + 1])
            }
        }
        var row = 0
        var column = 0
        while row < first.count, column < second.count {
            let place = row * columns + column
            if same(first[row], second[column]) {
                builder.common(first[row])
                row += 1
                column += 1
            } else if lengths[place + columns] >= lengths[place + 1] {
                builder.first(first[row])
                row += 1
            } else {
                builder.second(second[column])
                column += 1
            }
        }
        first[row...].forEach { builder.first($0) }
        second[column...].forEach { builder.second($0) }
    }

    /// By bytes: to strings, a line with another form of the same accent is the same.
    private static func same(_ first: String, _ second: String) -> Bool { first.utf8.elementsEqual(second.utf8) }

    private struct PartBuilder {
        private var parts: [Part] = []
        private var commonLines: [String] = []
        private var firstLines: [String] = []
        private var secondLines: [String] = []

        mutating func common(_ line: String) {
            endDiffering()
            commonLines.append(line)
        }

        mutating func first(_ line: String) {
            endCommon()
            firstLines.append(line)
        }

        mutating func second(_ line: String) {
            endCommon()
            secondLines.append(line)
        }

        mutating func finish() -> [Part] {
            endCommon()
            endDiffering()
            return parts
        }

        private mutating func endCommon() {
            if !commonLines.isEmpty { parts.append(.common(commonLines)) }
            commonLines = []
        }

        private mutating func endDiffering() {
            if !firstLines.isEmpty || !secondLines.isEmpty {
                parts.append(.differing(first: firstLines, second: secondLines))
            }
            firstLines = []
            secondLines = []
        }
    }
}
