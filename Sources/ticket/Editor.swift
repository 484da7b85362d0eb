import Console
@preconcurrency import Glibc

/// The editor of the agent's choice.
enum Editor {
    /// Lets the agent edit the kept text, and returns it as it is then.
    ///
    /// - Parameter given: what nobody has typed; where no more is in the file, it goes if the editor fails.
    /// - Throws: `EditorError`.
    static func edit(_ unsaved: UnsavedText, given: [UInt8]) throws(EditorError) -> [UInt8] {
        guard let path = unsaved.path else { throw EditorError("there is no folder to keep your text in") }
        do throws(EditorError) {
            try edit(file: path)
            return try read(file: path)
        } catch {
            if let left = try? read(file: path), left == given { unsaved.discard() }
            throw error
        }
    }

    /// Lets the agent edit a file, and waits until the editor ends.
    private static func edit(file path: String) throws(EditorError) {
        let chosen = Terminal.environment("VISUAL") ?? Terminal.environment("EDITOR")
        guard let command = chosen ?? (Terminal.stdinIsTerminal ? "vi" : nil) else {
            throw EditorError("there is no terminal for an editor: name one that needs none by EDITOR")
        }
        // The variable holds a command line, which may have arguments of its own.
        let status = try run(["/bin/sh", "-c", command + " \"$@\"", command, path])
        guard status == 0 else { throw EditorError("the editor (\(command)) ended with \(status); nothing was stored") }
    }

    /// The bytes of a file that was edited.
    private static func read(file path: String) throws(EditorError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw EditorError("\(path): \(Terminal.systemMessage(errno))") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw EditorError("\(path): \(Terminal.systemMessage(errno))") }
            guard count > 0 else { return bytes }
            guard bytes.count + count <= fileBytesMax else { throw EditorError("\(path) is longer than 64 MB") }
            bytes.append(contentsOf: chunk[..<count])
        }
    }

    private static let fileBytesMax = 64 << 20

    /// Writes a file anew that is to be edited again.
    static func write(_ text: String, file path: String) throws(EditorError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw EditorError("\(path): \(Terminal.systemMessage(errno))") }
        if let failure = SmallFileOutput.write(Array(text.utf8), to: descriptor) {
            throw EditorError("\(path): \(failure)")
        }
    }

    /// Runs a program in the foreground, and returns its exit code, or 128 and the signal that ended it.
    private static func run(_ arguments: [String]) throws(EditorError) -> Int32 {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var defaults = sigset_t()
        sigemptyset(&defaults)
        for number in [SIGINT, SIGQUIT, SIGPIPE] { sigaddset(&defaults, number) }
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
        // A key that is meant for the editor must not end this process.
        let oldHandlers = [SIGINT, SIGQUIT].map { ($0, signal($0, SIG_IGN)) }
        defer { for (number, handler) in oldHandlers { signal(number, handler) } }

        var pointers = arguments.map { strdup($0) }
        defer { for pointer in pointers { free(pointer) } }
        pointers.append(nil)
        var process = pid_t()
        let failure = posix_spawn(&process, arguments[0], nil, &attributes, pointers, environ)
        guard failure == 0 else { throw EditorError("no editor could be started: \(Terminal.systemMessage(failure))") }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { throw EditorError("the editor: \(Terminal.systemMessage(errno))") }
        }
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    }
}

/// Why a text could not be edited.
struct EditorError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
