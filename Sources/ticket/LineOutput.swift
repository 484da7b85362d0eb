import Console
import Glibc
import JSONOutput
import TicketViews

/// Gathers lines, so that many of them are written at once.
struct LineOutput {
    private var bytes: [UInt8] = []

    /// Adds a document as a line.
    mutating func append(_ document: JSONText) {
        document.append(to: &bytes)
        endLine()
    }

    /// Adds a line.
    mutating func append(_ line: String) {
        bytes.append(contentsOf: line.utf8)
        endLine()
    }

    private mutating func endLine() {
        bytes.append(UInt8(ascii: "\n"))
        if bytes.count >= 1 << 16 { flush() }
    }

    /// Writes what was gathered.
    mutating func flush() {
        guard !bytes.isEmpty else { return }
        Terminal.output(bytes)
        bytes.removeAll(keepingCapacity: true)
    }
}

extension Terminal {
    /// Columns that results are fitted into; nil where they are piped, and nothing is cut.
    static var resultWidth: Int? { stdoutIsTerminal ? width : nil }

    /// Lines of the terminal that stdout is, as it is now; otherwise 24.
    static var height: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0 else { return 24 }
        return Int(size.ws_row)
    }
}

extension Style {
    /// For results: coloured where a person sees them.
    static var ofResults: Style { Terminal.colour ? .coloured : .plain }

    /// For messages: coloured where a person sees those.
    static var ofMessages: Style {
        let mayHaveColour = Terminal.environment("NO_COLOR") == nil && Terminal.environment("TERM") != "dumb"
        return Terminal.stderrIsTerminal && mayHaveColour ? .coloured : .plain
    }
}
