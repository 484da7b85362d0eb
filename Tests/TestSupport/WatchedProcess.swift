import Foundation

/// A child process that ends with this process, whatever ends this process.
///
/// A shell stands between the two. It reads from a pipe that only this process holds open: a command signals the child,
/// and the end of the pipe, which comes when this process ends, ends it.
struct WatchedProcess: Sendable {
    enum Signal: String {
        case stop = "STOP"
        case goOn = "CONT"
    }

    enum Ending: String {
        case kill = "KILL"
    }

    /// Arguments: the folder to remove when this process is gone, then the command.
    private static let script = """
        exec 2>/dev/null
        trap '' INT TERM HUP
        folder=$1
        shift
        "$@" >"$folder/output" 2>&1 &
        child=$!
        while read -r signal; do
            kill -"$signal" "$child" 2>/dev/null
            if [ "$signal" = KILL ]; then
                wait "$child"
                exit
            fi
        done
        kill -KILL "$child" 2>/dev/null
        wait "$child"
        rm -rf "$folder"
        """

    private let shell: pid_t
    private let pipe: Int32

    init(_ arguments: [String], removingAtEnd folder: String) throws {
        var ends: [Int32] = [-1, -1]
        guard Foundation.pipe(&ends) == 0 else { throw LocalMongoError(description: "no pipe: errno \(errno)") }
        defer { close(ends[0]) }
        // Not for other children of this process: they would keep the pipe open.
        _ = ends.map { fcntl($0, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO)
        var shell = pid_t()
        let words = ["/bin/sh", "-c", Self.script, "watch", folder] + arguments
        var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        let attributes = SpawnAttributes()
        let status = posix_spawn(&shell, "/bin/sh", &actions, &attributes.value, &pointers, environ)
        guard status == 0 else {
            close(ends[1])
            throw LocalMongoError(description: "cannot start \(arguments[0]): error \(status)")
        }
        self.shell = shell
        pipe = ends[1]
    }

    /// Ends the child and waits until it is gone.
    ///
    /// To be called once.
    func end(_ ending: Ending) {
        tell(ending.rawValue)
        close(pipe)
        var status: Int32 = 0
        while waitpid(shell, &status, 0) < 0 && errno == EINTR {}
    }

    /// Sends the child a signal; it has it soon.
    func send(_ signal: Signal) { tell(signal.rawValue) }

    private func tell(_ signal: String) {
        let line = Array((signal + "\n").utf8)
        // A shell that is gone already leaves nothing to signal.
        var ignore = sigaction()
        var previous = sigaction()
        ignore.__sigaction_handler.sa_handler = SIG_IGN
        sigaction(SIGPIPE, &ignore, &previous)
        _ = write(pipe, line, line.count)
        sigaction(SIGPIPE, &previous, nil)
    }
}
