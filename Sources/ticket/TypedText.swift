import Console
import Glibc
import Tickets

/// Where the text of a change comes from.
enum TextSource: Equatable {
    case argument(String)
    case input
    case editor

    /// The source that an argument names: `-` is stdin, no argument is the editor of a person at a terminal.
    static func named(_ argument: String?) throws -> TextSource {
        switch argument {
        case "-"?: return .input
        case let text?: return .argument(text)
        case nil:
            guard Terminal.stdinIsTerminal, Terminal.stdoutIsTerminal else {
                throw UsageError("give a text, or - to read it from the standard input")
            }
            return .editor
        }
    }
}

/// A text that an agent typed.
enum TypedText {
    /// More of stdin is not kept.
    private static let inputBytesMax = 64 << 20

    /// Reads the text and keeps it until it is stored.
    ///
    /// - Parameter name: the first part of the name of the file that keeps it.
    /// - Throws: `UsageError` where there is no text, `TicketError`, and others where it cannot be read.
    static func read(_ source: TextSource, name: String, _ unsaved: UnsavedText) throws -> String {
        switch source {
        case .argument(let text):
            guard !isBlank(text) else { throw EmptyText() }
            unsaved.keep(Array(text.utf8), name: name)
            return try TicketInput.text(text)
        case .input:
            let (bytes, isWhole) = try StandardInput.read(limit: inputBytesMax)
            if !bytes.isEmpty { unsaved.keep(bytes, name: name) }
            guard isWhole else {
                throw TicketError(.tooLarge, "the text is longer than \(inputBytesMax) bytes; the rest was not read")
            }
            return try checked(decoded(bytes), unsaved)
        case .editor:
            unsaved.keep([], name: name)
            return try checked(decoded(Editor.edit(unsaved, given: [])), unsaved)
        }
    }

    /// The text of bytes, without line ends behind it.
    static func decoded(_ bytes: [UInt8]) throws(TicketError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let offset = UTF8Fault.offset(in: bytes) ?? 0
            throw TicketError(.invalidValue, "the text is not UTF-8 at byte offset \(offset)")
        }
        var characters = text.unicodeScalars[...]
        while let last = characters.last, last == "\n" || last == "\r" { characters.removeLast() }
        return String(characters)
    }

    private static func checked(_ text: String, _ unsaved: UnsavedText) throws -> String {
        guard !isBlank(text) else {
            unsaved.discard()
            throw EmptyText()
        }
        return try TicketInput.text(text)
    }

    private static func isBlank(_ text: String) -> Bool { text.allSatisfy(\.isWhitespace) }
}

/// There is no text to be stored.
struct EmptyText: Error, CustomStringConvertible {
    let description = "the text is empty: nothing changed"
}

/// Texts that are piped into a command.
enum StandardInput {
    /// Reads to the end, or so many bytes.
    static func read(limit: Int) throws(TerminalError) -> (bytes: [UInt8], isWhole: Bool) {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while bytes.count < limit {
            let count = Glibc.read(STDIN_FILENO, &chunk, min(chunk.count, limit - bytes.count))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .unreadable(cause: Terminal.systemMessage(errno)) }
            guard count > 0 else { return (bytes, true) }
            bytes.append(contentsOf: chunk[..<count])
        }
        return (bytes, Glibc.read(STDIN_FILENO, &chunk, 1) == 0)
    }
}
