import ArgumentParser
import Console
import Glibc
import JSONOutput
import MarketData
import Service

/// Where the lines of the daemon for people go, and in what form.
///
/// Safe to use from any thread.
struct ServiceLog: Sendable {
    enum Form: String, CaseIterable, ExpressibleByArgument, Sendable {
        case text
        /// One JSON object a line on stderr: time, level, source, message.
        case json
        /// Fields of the system's journal: PRIORITY, MESSAGE, TAPEDESK_SOURCE.
        case journal

        /// The form for whoever reads stderr.
        static var usual: Form {
            if Terminal.stderrIsTerminal { return .text }
            return isJournal ? .journal : .json
        }

        /// Whether stderr leads to the journal: `JOURNAL_STREAM` names its device and inode, see systemd.exec(5).
        private static var isJournal: Bool {
            var status = stat()
            guard let stream = Terminal.environment("JOURNAL_STREAM"), fstat(STDERR_FILENO, &status) == 0 else {
                return false
            }
            return stream == "\(status.st_dev):\(status.st_ino)"
        }
    }

    private let form: Form

    private static let journal = "/run/systemd/journal/socket"

    init(_ form: Form) {
        self.form = form
    }

    func write(_ line: LogLine, at time: Timestamp) {
        switch form {
        case .text: Terminal.error("\(Terminal.program): \(line.text)")
        case .json: Terminal.error(json(line, time).text)
        case .journal:
            // What the journal does not take goes the way of everything else.
            if !UnixDatagram.send(Self.entry(line), to: Self.journal, waits: false) {
                Terminal.error("<\(Self.priority(line.level))>\(line.text)")
            }
        }
    }

    private func json(_ line: LogLine, _ time: Timestamp) -> JSONText {
        .object([
            ("time", .integer(Int(time.nanoseconds))), ("level", .string(line.level.rawValue)),
            ("source", line.source.map { .string($0) } ?? .null), ("message", .string(line.text)),
        ])
    }

    /// Source: systemd, "Native Journal Protocol".
    ///
    /// A value with a line end would need its length before it.
    private static func entry(_ line: LogLine) -> [UInt8] {
        let message = String(line.text.map { $0.isNewline ? " " : $0 })
        var fields = ["PRIORITY=\(priority(line.level))", "SYSLOG_IDENTIFIER=tapedesk", "MESSAGE=\(message)"]
        if let source = line.source { fields.append("TAPEDESK_SOURCE=\(source)") }
        return Array((fields.joined(separator: "\n") + "\n").utf8)
    }

    /// Source: syslog(3).
    private static func priority(_ level: LogLine.Level) -> Int {
        switch level {
        case .error: 3
        case .warning: 4
        case .info: 6
        }
    }
}
