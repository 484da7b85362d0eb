import Foundation
import Synchronization
import TestSupport

/// What went wrong with the means of a test, as opposed to what it tests.
struct HarnessError: Error, CustomStringConvertible {
    let description: String
}

/// How a process ended, and what it wrote.
struct Ending: Sendable {
    /// The exit code; nil where a signal ended it.
    let code: Int32?
    let signal: Int32?
    let output: Data
    let error: String
    /// The greatest amount of memory that it was seen to hold, in bytes.
    let memoryMax: Int

    var text: String { String(decoding: output, as: UTF8.self) }
    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: true) }
}

/// A process that a test started.
///
/// What it writes goes to files, so that nothing blocks it.
final class ChildProcess: Sendable {
    /// Where a process reads its standard input from.
    enum Input {
        case nothing
        case file(String)
        /// From what the test sends.
        case pipe
    }

    let pid: pid_t
    private let name: String
    private let outputPath: String
    private let errorPath: String
    private let trace = CommandTrace()
    private let isReaped = Mutex(false)
    private let inputPipe: Mutex<Int32?>

    /// Starts a program; `folder` takes the files with its output.
    init(_ words: [String], environment: [String: String] = [:], input: Input = .nothing, folder: String) throws {
        name = words.joined(separator: " ")
        let base = folder + "/process-\(UInt64.random(in: 0 ... .max))"
        (outputPath, errorPath) = (base + ".out", base + ".err")
        var inputPath = "/dev/null"
        var keptOpen: Int32 = -1
        var writeEnd: Int32 = -1
        switch input {
        case .nothing: break
        case .file(let path): inputPath = path
        case .pipe:
            // One with a name: it can be opened so that no other child inherits it and keeps it open.
            inputPath = base + ".in"
            mkfifo(inputPath, 0o600)
            keptOpen = open(inputPath, O_RDWR | O_CLOEXEC)
            writeEnd = open(inputPath, O_WRONLY | O_CLOEXEC)
            guard writeEnd >= 0 else { throw HarnessError(description: "no pipe: errno \(errno)") }
        }
        defer { if keptOpen >= 0 { close(keptOpen) } }
        inputPipe = Mutex(writeEnd >= 0 ? writeEnd : nil)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, inputPath, O_RDONLY, 0)
        let mode = O_WRONLY | O_CREAT | O_TRUNC
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, outputPath, mode, 0o600)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errorPath, mode, 0o600)
        let merged = ProcessInfo.processInfo.environment.merging(trace.environment) { $1 }.merging(environment) { $1 }
        pid = try Self.spawn(words, merged.map { "\($0.key)=\($0.value)" }, &actions)
    }

    /// Ends a process that nobody waited for.
    ///
    /// Its end is taken, too: an exit test (`processExitsWith`) looks at the first child of the run that ended, and
    /// would look at this one for ever.
    deinit {
        closeInput()
        if isReaped.withLock({ !$0 }) {
            _ = Foundation.kill(pid, SIGKILL)
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        }
        trace.check(name)
    }

    private static func spawn(
        _ words: [String],
        _ environment: [String],
        _ actions: inout posix_spawn_file_actions_t
    ) throws -> pid_t {
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { for pointer in arguments + variables { free(pointer) } }
        let attributes = SpawnAttributes()
        var pid = pid_t()
        let status = posix_spawnp(&pid, words[0], &actions, &attributes.value, &arguments, &variables)
        guard status == 0 else { throw HarnessError(description: "cannot start \(words[0]): error \(status)") }
        return pid
    }

    /// Ends the process without any warning.
    ///
    /// Does nothing where it has ended already.
    func kill() {
        isReaped.withLock { if !$0 { _ = Foundation.kill(pid, SIGKILL) } }
    }

    /// Asks the process to end.
    ///
    /// Does nothing where it has ended already.
    func terminate() {
        isReaped.withLock { if !$0 { _ = Foundation.kill(pid, SIGTERM) } }
    }

    /// Writes to the standard input, waiting as long as the process does not read.
    func send(_ bytes: Data) async throws {
        guard let descriptor = inputPipe.withLock({ $0 }) else { throw HarnessError(description: "no open pipe") }
        let failure = await withCheckedContinuation { (continuation: CheckedContinuation<Int32, Never>) in
            Thread.detachNewThread { continuation.resume(returning: Self.write(bytes, to: descriptor)) }
        }
        guard failure == 0 else { throw HarnessError(description: "\(name) stopped reading: errno \(failure)") }
    }

    /// Says that nothing more comes.
    func closeInput() {
        inputPipe.withLock { descriptor in
            if let descriptor { close(descriptor) }
            descriptor = nil
        }
    }

    /// Returns zero, or what kept the bytes from being written.
    private static func write(_ bytes: Data, to descriptor: Int32) -> Int32 {
        var pipeSignal = sigset_t()
        sigemptyset(&pipeSignal)
        sigaddset(&pipeSignal, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &pipeSignal, nil)
        return bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = Foundation.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return errno }
                rest = rest.dropFirst(count)
            }
            return 0
        }
    }

    /// Whether the process has not ended yet.
    var isRunning: Bool {
        isReaped.withLock { isReaped in
            guard !isReaped else { return false }
            var information = siginfo_t()
            waitid(P_PID, id_t(pid), &information, WEXITED | WNOHANG | WNOWAIT)
            return information._sifields._sigchld.si_pid == 0
        }
    }

    /// Waits for the end.
    ///
    /// To be called once.
    ///
    /// - Throws: `HarnessError` where it does not come in time; the process is ended then.
    func wait(within limit: Duration = .seconds(60)) async throws -> Ending {
        let deadline = ContinuousClock.now + limit
        var hasTimedOut = false
        var memoryMax = 0
        while true {
            var status: Int32 = 0
            memoryMax = max(memoryMax, memory())
            let ended = isReaped.withLock { isReaped in
                isReaped = waitpid(pid, &status, WNOHANG) == pid
                return isReaped
            }
            guard !ended else {
                closeInput()
                trace.check(name)
                let result = try ending(status, memoryMax: memoryMax)
                if hasTimedOut {
                    throw HarnessError(description: "still running after \(limit): \(name)\n\(result.error)")
                }
                return result
            }
            if !hasTimedOut, ContinuousClock.now > deadline {
                hasTimedOut = true
                kill()
            }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// The greatest amount of memory held so far; zero where the process is gone.
    ///
    /// What `wait4` tells is no use: it counts the memory of the test, from before the program was loaded.
    private func memory() -> Int {
        guard let status = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") })
        else { return 0 }
        return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 } ?? 0
    }

    private func ending(_ status: Int32, memoryMax: Int) throws -> Ending {
        let signal = status & 0x7F
        let output = try Data(contentsOf: URL(fileURLWithPath: outputPath))
        let error = try Data(contentsOf: URL(fileURLWithPath: errorPath))
        for path in [outputPath, errorPath] { try FileManager.default.removeItem(atPath: path) }
        return Ending(
            code: signal == 0 ? (status >> 8) & 0xFF : nil,
            signal: signal == 0 ? nil : signal,
            output: output,
            error: String(decoding: error, as: UTF8.self),
            memoryMax: memoryMax
        )
    }
}
