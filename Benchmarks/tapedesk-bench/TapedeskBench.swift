import ArgumentParser

/// Measures the stages of the data path one by one, and the desk under load; `Benchmarks/run` puts them beside whole
/// replays and peers.
///
/// The stages print JSON lines `{"name","value","unit"}`. Everything is measured in one process on real input: files
/// of trades as `tapedesk-sample` writes them, tickets, and a real MongoDB.
@main
struct TapedeskBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tapedesk-bench",
        abstract: "Measure the stages of a replay one by one, and the desk under load.",
        subcommands: [
            DecodeBench.self, EncodeBench.self, SealedBench.self, CeilingBench.self, FindAndModifyBench.self,
            ExportBench.self, NewestBench.self, CommitLatencyBench.self, TicketLoadBench.self, FillTicketsBench.self,
        ]
    )
}

/// Prints one measurement.
func printResult(_ name: String, _ value: Double, _ unit: String) {
    print("{\"name\":\"\(name)\",\"value\":\(value),\"unit\":\"\(unit)\"}")
}

/// Seconds that `body` takes.
func seconds<Result>(_ body: () async throws -> Result) async rethrows -> (seconds: Double, result: Result) {
    let start = ContinuousClock.now
    let result = try await body()
    return ((ContinuousClock.now - start) / .seconds(1), result)
}
