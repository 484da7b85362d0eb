package import ArgumentParser
private import Glibc

/// What a program says with its exit code.
package enum ExitStatus {
    /// All was done.
    package static let done = ExitCode(0)
    /// All was done, and it shows problems in the data.
    package static let foundProblems = ExitCode(1)
    /// The work could not be done: no database, an unreadable file, a refused operation.
    package static let couldNotRun = ExitCode(2)
    /// Somebody else changed the same thing meanwhile; nothing was overwritten.
    package static let conflict = ExitCode(3)
    /// The arguments make no command.
    package static let usage = ExitCode(64)
}

/// Runs a command's work; what goes wrong becomes one message on stderr and an exit code.
///
/// An `ExitCode` that is thrown ends the work with that code; whoever throws it has said why.
package func reportingFailures(_ body: () async throws -> ExitCode) async -> ExitCode {
    do {
        return try await body()
    } catch let status as ExitCode {
        return status
    } catch {
        Terminal.report(error)
        return ExitStatus.couldNotRun
    }
}

/// Ends the process here and now.
///
/// What a command did is confirmed and printed by then. To close the connections in order would take another half
/// second, in which the driver's monitoring thread finishes its last poll.
package func endProcess(_ status: ExitCode) -> Never {
    _exit(status.rawValue)
}
