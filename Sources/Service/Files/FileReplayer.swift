package import Feeds
package import Ingest

/// What a file turned out to hold.
package enum FileRecording {
    /// - Parameters:
    ///   - venue: what its instruments are filed under.
    ///   - decoding: how it is decoded, in words that are the same whenever it is decoded in the same way.
    case market(any RecordFormat, venue: String, decoding: String)
    case tickets(any TicketFormat)
}

/// Stores what is in files, as `tapedesk replay` does.
package struct FileReplayer: Sendable {
    /// Where it goes.
    package struct Target: Sendable {
        let market: Replay.Target
        let tickets: TicketReplay.Target

        package init(market: Replay.Target, tickets: TicketReplay.Target) {
            self.market = market
            self.tickets = tickets
        }
    }

    private let target: Target
    private let environment: ServiceEnvironment
    /// Finds out what an opened file holds.
    private let resolve: @Sendable (TapeInput) throws -> FileRecording

    package init(
        target: Target,
        environment: ServiceEnvironment,
        resolve: @escaping @Sendable (TapeInput) throws -> FileRecording
    ) {
        self.target = target
        self.environment = environment
        self.resolve = resolve
    }

    /// Stores what an opened file holds, from where an earlier run stopped.
    ///
    /// - Parameters:
    ///   - source: what tickets are filed under.
    ///   - marketSource: what market data is filed under.
    ///   - onProgress: is told after every commit.
    /// - Throws: what finding out about the file throws, and `StoreError`.
    func run(
        _ input: sending TapeInput,
        source: String,
        marketSource: String,
        onProgress: @escaping @Sendable (ReplayProgress) -> Void
    ) async throws -> ReplayReport {
        switch try resolve(input) {
        case .market(let format, let venue, let decoding):
            let options = Replay.Options(source: marketSource, venue: venue, decoding: decoding)
            let replay = Replay(
                options,
                format: format,
                target: target.market,
                environment: environment.retry,
                onProgress: onProgress
            )
            return try await replay.run(input)
        case .tickets(let format):
            let tape = TapeIdentity(head: input.head).name("\(source)/\(input.name)")
            let options = TicketReplay.Options(source: source, tape: tape)
            let replay = TicketReplay(options, format: format, target: target.tickets, onProgress: onProgress)
            return try await replay.run(input)
        }
    }
}
