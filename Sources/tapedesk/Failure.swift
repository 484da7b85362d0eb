import ArgumentParser
private import Glibc

/// What the process says with its exit code.
enum ExitStatus {
    static let done = ExitCode(0)
    static let foundProblems = ExitCode(1)
    static let couldNotRun = ExitCode(2)
}

/// Runs a command's work; what goes wrong becomes one line on stderr and an exit code.
func reportingFailures(_ body: () async throws -> ExitCode) async -> ExitCode {
    do {
        return try await body()
    } catch {
        Terminal.error("tapedesk: \(error)")
        return ExitStatus.couldNotRun
    }
}

/// Ends the process here and now.
///
/// What a command did is confirmed and printed by then. To close the connections in order would take another half
/// second, in which the driver's monitoring thread finishes its last poll.
func endProcess(_ status: ExitCode) -> Never {
    _exit(status.rawValue)
}
