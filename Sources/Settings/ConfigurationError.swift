/// All that is wrong with a configuration file.
///
/// Holds no values that may be secret.
package struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A place in the file; both numbers start from 1, columns count Unicode scalars.
    package struct Place: Hashable, Comparable, Sendable {
        /// The line.
        package var line: Int
        /// The column.
        package var column: Int

        /// Takes both as they are.
        package init(line: Int, column: Int) {
            self.line = line
            self.column = column
        }

        package static func < (one: Place, other: Place) -> Bool {
            (one.line, one.column) < (other.line, other.column)
        }
    }

    /// One thing that is wrong, and what to do about it.
    package struct Mistake: Equatable, Sendable {
        /// Where it is; nil where it is the file as a whole.
        package let place: Place?
        /// What is wrong and what to do.
        package let message: String

        init(_ place: Place?, _ message: String) {
            self.place = place
            self.message = message
        }
    }

    /// The file's path as it was given.
    package let file: String
    /// The mistakes in the order of the file; at least one.
    package let mistakes: [Mistake]

    private static let shownMax = 50

    init(file: String, mistakes: [Mistake]) {
        self.file = file
        self.mistakes = mistakes.sorted { one, other in
            guard let place = one.place, let otherPlace = other.place else { return one.place == nil }
            return place < otherPlace
        }
    }

    /// One line for each mistake: file, line, column, what is wrong, what to do.
    package var description: String {
        let name = file.isEmpty ? "''" : ShownText.escaped(file)
        var lines = mistakes.prefix(Self.shownMax).map { mistake in
            let place = mistake.place.map { "\($0.line):\($0.column):" } ?? ""
            return "\(name):\(place) \(mistake.message)"
        }
        guard mistakes.count > 1 else { return lines.joined() }
        if mistakes.count > Self.shownMax { lines.append("… and \(mistakes.count - Self.shownMax) more") }
        return "the configuration has \(mistakes.count) mistakes:\n  " + lines.joined(separator: "\n  ")
    }
}
