import ArgumentParser
import DocumentStore
import Feeds

/// What the process says with its exit code.
enum ExitStatus {
    static let done = ExitCode(0)
    static let foundProblems = ExitCode(1)
    static let couldNotRun = ExitCode(2)
}

/// Runs a command's work and turns what goes wrong into one line on stderr and an exit code.
func reportingFailures(_ body: () async throws -> ExitCode) async throws {
    let status: ExitCode
    do {
        status = try await body()
    } catch let error as ExitCode {
        throw error
    } catch let error as ValidationError {
        throw error
    } catch {
        Terminal.error("tapedesk: \(error)")
        throw ExitStatus.couldNotRun
    }
    if status != ExitStatus.done { throw status }
}
