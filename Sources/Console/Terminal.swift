private import Glibc

/// The three streams of a program: results on stdout, everything else on stderr, long texts from stdin.
///
/// Results that cannot be written end the process with exit code 2: quietly where their reader went away, with a
/// message where a disk is full. Messages that cannot be written are left out. Nothing is buffered, so nothing is lost
/// when a process ends. Safe to use from any task.
package enum Terminal {
    /// The name that the program was started by, which messages begin with.
    package static let program: String = {
        let path = CommandLine.arguments.first ?? ""
        return path.split(separator: "/").last.map(String.init) ?? "tapedesk"
    }()

    /// Whether a person types what `readInput` reads.
    package static let stdinIsTerminal = isatty(STDIN_FILENO) == 1
    /// Whether a person sees the results.
    package static let stdoutIsTerminal = isatty(STDOUT_FILENO) == 1
    /// Whether a person sees the messages.
    package static let stderrIsTerminal = isatty(STDERR_FILENO) == 1

    /// Whether results may have colours: a person sees them, and does not object (https://no-color.org).
    package static let colour: Bool = {
        guard stdoutIsTerminal, environment("NO_COLOR") == nil else { return false }
        return environment("TERM") != "dumb"
    }()

    /// Columns of the terminal that stdout is, as it is now; otherwise `COLUMNS`, otherwise 80.
    package static var width: Int {
        var size = winsize()
        if ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 { return Int(size.ws_col) }
        guard let columns = environment("COLUMNS").flatMap({ Int($0) }), (1...10_000).contains(columns) else {
            return 80
        }
        return columns
    }

    /// Lines of the terminal that stdout is, as it is now; otherwise 24.
    package static var height: Int {
        var size = winsize()
        return ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_row > 1 ? Int(size.ws_row) : 24
    }

    /// A variable of the environment; nil where it is not set or empty.
    package static func environment(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }
}

// MARK: - Writing

extension Terminal {
    /// Writes a line to stderr.
    package static func error(_ line: String) {
        write(Array((line + "\n").utf8), to: STDERR_FILENO)
    }

    /// Writes an error to stderr, behind the name of the program.
    package static func report(_ error: any Error) {
        self.error("\(program): \(error)")
    }

    /// Shows a line that the next one replaces; nothing where stderr is not a terminal.
    package static func progress(_ line: String) {
        guard stderrIsTerminal else { return }
        write(Array(("\r\u{1B}[K" + line).utf8), to: STDERR_FILENO)
    }

    /// Writes a line to stdout.
    package static func output(_ line: String) {
        write(Array((line + "\n").utf8), to: STDOUT_FILENO)
    }

    /// Writes bytes to stdout.
    package static func output(_ bytes: [UInt8]) {
        write(bytes, to: STDOUT_FILENO)
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0, waitAfterFailure(descriptor, POLLOUT) { continue }
                if count <= 0 {
                    guard descriptor == STDOUT_FILENO else { return }
                    giveUp(errno)
                }
                rest = rest.dropFirst(count)
            }
        }
    }

    private static func giveUp(_ cause: Int32) -> Never {
        // A reader that went away has all that it wanted.
        if cause != EPIPE { error("\(program): the output cannot be written: \(systemMessage(cause))") }
        endProcess(ExitStatus.couldNotRun)
    }
}

// MARK: - Descriptors

extension Terminal {
    /// Makes sure that nothing else becomes a stream of the program.
    ///
    /// Where a shell closed one of them (`>&-`), the next file or connection that is opened would take its place, and
    /// results would be written into it. What takes the place now can be neither read nor written.
    package static func reserveDescriptors() {
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(descriptor, F_GETFD) < 0 {
            _ = open("/dev/null", (descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC)
        }
    }
}

// MARK: - Reading

extension Terminal {
    /// Reads stdin to its end.
    ///
    /// - Parameter limit: the most bytes that are taken; what comes behind them is left unread.
    /// - Throws: `TerminalError`.
    package static func readInput(limit: Int) throws(TerminalError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(STDIN_FILENO, &chunk, chunk.count)
            if count < 0, waitAfterFailure(STDIN_FILENO, POLLIN) { continue }
            guard count >= 0 else { throw .unreadable(cause: systemMessage(errno)) }
            guard count > 0 else { return bytes }
            guard bytes.count + count <= limit else { throw .tooLong(limit: limit) }
            bytes.append(contentsOf: chunk[..<count])
        }
    }

    /// Whether the call that just failed is to be repeated; waits until it can succeed where that takes time.
    private static func waitAfterFailure(_ descriptor: Int32, _ events: Int32) -> Bool {
        if errno == EINTR { return true }
        guard errno == EAGAIN else { return false }
        // Somebody made the stream non-blocking; this waits as long as the blocking call would.
        var state = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        return poll(&state, 1, -1) >= 0 || errno == EINTR
    }

    /// What the system says about an error number.
    package static func systemMessage(_ number: Int32) -> String {
        String(cString: strerror(number))
    }
}

/// Why stdin could not be read.
package enum TerminalError: Error, Equatable, CustomStringConvertible {
    /// More came than is taken, in bytes.
    case tooLong(limit: Int)
    /// Reading failed, with the system's words for it.
    case unreadable(cause: String)

    package var description: String {
        switch self {
        case .tooLong(let limit): "the standard input is longer than the \(limit.grouped) bytes that are taken"
        case .unreadable(let cause): "the standard input cannot be read: \(cause)"
        }
    }
}
