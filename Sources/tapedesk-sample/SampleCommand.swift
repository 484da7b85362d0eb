import ArgumentParser
import Glibc

/// Makes up market data and tickets: as a file, or live as a venue does.
@main
struct SampleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tapedesk-sample",
        abstract: "Make up market data: a file of trades, or a venue that plays them live.",
        discussion: "Without the name of a subcommand, 'generate' is meant.",
        subcommands: [GenerateCommand.self, VenueCommand.self],
        defaultSubcommand: GenerateCommand.self
    )
}

/// Runs a command; what goes wrong becomes a line on standard error and exit code 2.
func reportingFailures(_ run: () throws -> Void) throws {
    do {
        try run()
    } catch {
        writeLine("tapedesk-sample: \(error)", to: STDERR_FILENO)
        throw ExitCode(2)
    }
}

/// Writes a line at once, past the buffers of the C library: whoever waits for it may be a pipe.
func writeLine(_ text: String, to descriptor: Int32) {
    let bytes = Array((text + "\n").utf8)
    _ = write(descriptor, bytes, bytes.count)
}
