import BSON
import CMongoShims
import Glibc
private import Synchronization

/// Notes what commands the process sends, where the environment variable `TAPEDESK_COMMAND_TRACE` names a folder.
///
/// Each shape is written once, as a line of `PROGRAM-PID.ndjson`, before the first such command is sent: so a process
/// that is killed has told all that it did. Values are not written. Safe to use from any thread.
final class CommandTrace: Sendable {
    /// The variable that asks for it.
    static let variable = "TAPEDESK_COMMAND_TRACE"

    private struct State {
        var seen: Set<CommandShape> = []
        /// -1 until the file is there.
        var descriptor: Int32 = -1
    }

    private let path: String
    private let folder: String
    private let state = Mutex(State())

    /// - Parameter folder: is made where it is missing.
    init(folder: String, program: String) {
        self.folder = folder
        path = "\(folder)/\(program)-\(getpid()).ndjson"
    }

    deinit {
        let descriptor = state.withLock { $0.descriptor }
        if descriptor >= 0 { close(descriptor) }
    }

    private static let shared: CommandTrace? = {
        guard let folder = getenv(variable).map({ String(cString: $0) }), !folder.isEmpty else { return nil }
        let program = CommandLine.arguments.first?.split(separator: "/").last ?? "program"
        return CommandTrace(folder: folder, program: String(program))
    }()

    /// What libmongoc is to tell of commands; nil where nobody asked.
    static let listener: td_command_listener? =
        shared == nil
        ? nil
        : { name, command in
            guard let bytes = command.bytes else { return }
            let buffer = UnsafeBufferPointer(start: bytes, count: command.length)
            shared?.note(String(cString: name), Array(buffer))
        }

    /// Notes a command, unless it is like one before.
    func note(_ name: String, _ bytes: [UInt8]) {
        // libmongoc made it of documents that were checked.
        let document = BSONDocument(trusted: bytes)
        let shapes = CommandShape.all(in: document, named: name)
        guard !shapes.isEmpty else { return }
        state.withLock { state in
            for shape in shapes where state.seen.insert(shape).inserted { append(shape.line, &state) }
        }
    }

    /// Appends with one call, so that what is there is whole whenever the process ends.
    private func append(_ line: String, _ state: inout State) {
        if state.descriptor < 0 {
            mkdir(folder, 0o700)
            state.descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        }
        let bytes = Array((line + "\n").utf8)
        guard write(state.descriptor, bytes, bytes.count) == bytes.count else {
            // Whoever asked for a trace must not take one with holes for a whole one.
            preconditionFailure("the trace of commands cannot be written: \(path), errno \(errno)")
        }
    }
}
