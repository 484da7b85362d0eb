private import Glibc

/// The two streams of a command: results on stdout, everything else on stderr.
enum Terminal {
    static let stderrIsTerminal = isatty(STDERR_FILENO) == 1

    /// Writes a line to stderr.
    static func error(_ line: String) {
        write(Array((line + "\n").utf8), to: STDERR_FILENO)
    }

    /// Shows a line that the next one replaces; nothing where stderr is not a terminal.
    static func progress(_ line: String) {
        guard stderrIsTerminal else { return }
        write(Array(("\r\u{1B}[K" + line).utf8), to: STDERR_FILENO)
    }

    /// Writes a line to stdout.
    static func output(_ line: String) {
        write(Array((line + "\n").utf8), to: STDOUT_FILENO)
    }

    /// Writes bytes to stdout.
    static func output(_ bytes: [UInt8]) {
        write(bytes, to: STDOUT_FILENO)
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                // A reader that went away has all that it wanted.
                if count <= 0 { exit(descriptor == STDOUT_FILENO ? 2 : 0) }
                rest = rest.dropFirst(count)
            }
        }
    }
}
