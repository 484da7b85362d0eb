import ArgumentParser
import Console
import Synchronization
import Tickets

/// Arguments that make no command.
struct UsageError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Checks values that were given as arguments: what is wrong with them is wrong usage.
///
/// - Throws: `UsageError`; `TicketError` where a text is too long.
func checkingArguments<Value>(_ body: () throws(TicketError) -> Value) throws -> Value {
    do throws(TicketError) {
        return try body()
    } catch {
        switch error.code {
        case .unknownField, .invalidValue: throw UsageError(error.message)
        default: throw error
        }
    }
}

/// One run of a command: what has to last until the process ends.
final class CommandRun: Sendable {
    /// What the agent typed.
    let unsaved = UnsavedText()
    private let database = Mutex<Database?>(nil)

    /// Connects to the desk that the arguments name.
    ///
    /// - Parameter connections: how many operations the work has under way at once.
    /// - Throws: `StoreError`, `ConfigurationError`.
    func connect(_ options: DeskOptions, connections: Int = 1) async throws -> DeskSession {
        let session = try await options.connect(connections: connections)
        // The process ends while the pool is open, see `endProcess`; until then it must not go.
        database.withLock { $0 = session.database }
        return session
    }

    fileprivate func status(of body: (CommandRun) async throws -> ExitCode) async -> ExitCode {
        do {
            return try await body(self)
        } catch let status as ExitCode {
            return status
        } catch {
            Terminal.report(error)
            return error is UsageError || error is EmptyText ? ExitStatus.usage : ExitStatus.couldNotRun
        }
    }
}

/// Does a command's work and ends the process.
///
/// What goes wrong becomes a message on stderr and an exit code. What the agent typed is removed from its file if the
/// work is done; otherwise the file stays and is named.
func endingProcess(_ body: (CommandRun) async throws -> ExitCode) async -> Never {
    let run = CommandRun()
    let status = await run.status(of: body)
    if status == ExitStatus.done {
        run.unsaved.discard()
    } else {
        run.unsaved.report()
    }
    withExtendedLifetime(run) { endProcess(status) }
}
