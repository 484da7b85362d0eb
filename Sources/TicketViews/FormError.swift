package import Tickets

/// Why a form cannot be stored: all its mistakes, in the order of their lines.
///
/// Messages name lines and fields, never what the form says.
package struct FormError: Error, Equatable, Sendable, CustomStringConvertible {
    package struct Mistake: Equatable, Sendable, CustomStringConvertible {
        /// Counted from 1; nil where a line is missing.
        package let line: Int?
        package let field: TicketField?
        package let reason: String

        package var description: String { (line.map { "line \($0): " } ?? "") + reason }
    }

    package let mistakes: [Mistake]

    package var description: String {
        guard mistakes.count != 1 else { return "the form has a mistake: \(mistakes[0])" }
        return "the form has \(mistakes.count) mistakes:\n" + mistakes.map { "  \($0)" }.joined(separator: "\n")
    }
}
