import Foundation
import Synchronization
import TestSupport

/// A program at a terminal of its own.
final class TerminalSession: Sendable {
    private let pid: pid_t
    private let name: String
    private let master: Int32
    private let screen = Mutex<[UInt8]>([])
    private let trace = CommandTrace()

    /// What the kernel is asked for, by the numbers of Linux: TIOCSPTLCK and TIOCGPTN.
    private enum Request {
        static let unlock: UInt = 0x4004_5431
        static let number: UInt = 0x8004_5430
    }

    /// POSIX_SPAWN_SETSID of the GNU C library.
    private static let newSession: Int16 = 0x80

    /// Starts a program whose three streams are a terminal of so many columns and lines.
    init(_ words: [String], environment: [String: String] = [:], columns: UInt16 = 80, rows: UInt16 = 24) throws {
        name = words.joined(separator: " ")
        // The functions that make a terminal are not there for Swift: this is what they do.
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)
        var number: Int32 = 0
        var lock: Int32 = 0
        guard master >= 0, ioctl(master, Request.unlock, &lock) == 0, ioctl(master, Request.number, &number) == 0
        else { throw HarnessError(description: "no terminal: errno \(errno)") }
        let slave = "/dev/pts/\(number)"
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        guard ioctl(master, UInt(TIOCSWINSZ), &size) == 0 else {
            throw HarnessError(description: "the terminal has no size: errno \(errno)")
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // The first terminal that the leader of a session opens is the one that it is controlled by.
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, slave, O_RDWR, 0)
        posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDERR_FILENO)
        let attributes = SpawnAttributes()
        var flags: Int16 = 0
        posix_spawnattr_getflags(&attributes.value, &flags)
        posix_spawnattr_setflags(&attributes.value, flags | Self.newSession)
        let merged = ProcessInfo.processInfo.environment.merging(trace.environment) { $1 }.merging(environment) { $1 }
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = merged.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in arguments + variables { free(pointer) } }
        var started = pid_t()
        let status = posix_spawnp(&started, words[0], &actions, &attributes.value, &arguments, &variables)
        guard status == 0 else { throw HarnessError(description: "cannot start \(words[0]): error \(status)") }
        pid = started
    }

    deinit {
        trace.check(name)
        close(master)
    }

    /// All that the program has written so far, with line feeds alone at the ends of lines.
    var text: String { String(decoding: screen.withLock { $0 }, as: UTF8.self).replacing("\r\n", with: "\n") }

    /// Types a text.
    func type(_ text: String) throws {
        let bytes = Array(text.utf8)
        guard write(master, bytes, bytes.count) == bytes.count else {
            throw HarnessError(description: "\(name) takes no keys: errno \(errno)")
        }
    }

    /// Waits until the program has written a text.
    func expect(_ text: String) async throws {
        try await poll("\(name) writes '\(text)'") {
            read()
            return self.text.contains(text)
        }
    }

    /// Waits for the end of the program and returns its exit code; nil where a signal ended it.
    ///
    /// To be called once.
    func wait(within limit: Duration = .seconds(30)) async throws -> Int32? {
        let deadline = ContinuousClock.now + limit
        var status: Int32 = 0
        while true {
            read()
            if waitpid(pid, &status, WNOHANG) == pid { break }
            guard ContinuousClock.now < deadline else {
                kill(pid, SIGKILL)
                waitpid(pid, &status, 0)
                throw HarnessError(description: "still running after \(limit): \(name)\n\(text)")
            }
            try await Task.sleep(for: .milliseconds(2))
        }
        read()
        trace.check(name)
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : nil
    }

    /// Takes over what the program has written meanwhile.
    private func read() {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Foundation.read(master, &chunk, chunk.count)
            guard count > 0 else { return }
            screen.withLock { $0 += chunk[..<count] }
        }
    }
}

extension String {
    /// The text as a terminal shows it: without the sequences that choose colours.
    var withoutColours: String { replacing(/\u{1B}\[[0-9;]*m/, with: "") }

    /// The columns that a line takes, where letters are as wide as Latin or as Chinese ones.
    var columns: Int { unicodeScalars.reduce(0) { $0 + ((0x1100...0xFFDC).contains($1.value) && $1 != "…" ? 2 : 1) } }
}

extension Agent {
    /// Runs a command at a terminal to its end.
    func atTerminal(
        _ words: String...,
        columns: UInt16 = 80,
        rows: UInt16 = 24,
        environment: [String: String] = [:]
    ) async throws -> (code: Int32?, text: String) {
        let session = try terminal(words, columns: columns, rows: rows, environment: environment)
        let code = try await session.wait()
        return (code, session.text)
    }

    /// Starts a command at a terminal.
    func terminal(
        _ words: [String],
        columns: UInt16 = 80,
        rows: UInt16 = 24,
        environment: [String: String] = [:]
    ) throws -> TerminalSession {
        try TerminalSession(
            self.words(words),
            environment: self.environment.merging(environment) { $1 },
            columns: columns,
            rows: rows
        )
    }
}
