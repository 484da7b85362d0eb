import ArgumentParser
import Feeds
import MarketData
import TickCodec

/// What real recordings take in sealed blocks, and how fast they are sealed and read.
struct SealedBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "codec",
        abstract: "Seal the trades and quotes of recordings: bytes per event by column, and speed.",
        discussion: """
            Recordings are those of the Binance recorder and LEAN's trades. Events are sealed in windows of their time,
            as buckets hold them; every window counts the bytes of a document around its blocks.
            """
    )

    @Argument(help: "Recordings.") var files: [String]
    @Option(help: "Seconds of a window.") var window: Int64 = 86_400
    @Option(help: "Bytes of a document beside its blocks.") var document = 900
    @Option(help: "How often everything is encoded and decoded; the fastest counts.") var rounds = 5
    @Flag(help: "Leave out receipt times, flags and conditions.") var bare = false

    func validate() throws {
        guard window > 0, rounds > 0 else { throw ValidationError("--window and --rounds are at least 1") }
    }

    func run() async throws {
        for file in files {
            let recording = try Recording(file)
            for lane in recording.lanes(bare: bare) { try await measure(lane, recording.name) }
        }
    }

    private func measure(_ lane: Recording.Lane, _ file: String) async throws {
        let name = "\(file) \(lane.kind.name)"
        let windows = lane.windows(seconds: window)
        let encoder = SealedBlockEncoder()
        let (encodeTime, blocks) = await fastest {
            windows.flatMap { window in
                lane.events[window].withUnsafeBufferPointer {
                    encoder.encode($0, kind: lane.kind, texts: lane.texts).map(\.bytes)
                }
            }
        }
        let decoder = BlockDecoder()
        let (decodeTime, count) = try await fastest {
            try blocks.reduce(0) { try $0 + decoder.decode($1).events.count }
        }
        let events = Double(count)
        var columns: [(name: String, bytes: Int)] = []
        for column in try blocks.flatMap({ try SealedColumn.all(of: $0) }) {
            if let place = columns.firstIndex(where: { $0.name == column.name }) {
                columns[place].bytes += column.byteCount
            } else {
                columns.append((column.name, column.byteCount))
            }
        }
        let blockBytes = blocks.reduce(0) { $0 + $1.count }
        for column in columns { printResult("\(name) \(column.name)", Double(column.bytes) / events, "bytes/event") }
        let rest = blockBytes - columns.reduce(0) { $0 + $1.bytes } + document * windows.count
        printResult("\(name) headers and documents", Double(rest) / events, "bytes/event")
        printResult("\(name) in all", Double(blockBytes + document * windows.count) / events, "bytes/event")
        printResult("\(name) events", events, "events")
        printResult("\(name) encode", events / encodeTime, "events/s")
        printResult("\(name) decode", events / decodeTime, "events/s")
    }

    /// The least time of all rounds, and what the last of them gave.
    private func fastest<Result>(_ body: () throws -> Result) async rethrows -> (seconds: Double, result: Result) {
        var (least, result) = try await seconds(body)
        for _ in 1..<rounds {
            let round = try await seconds(body)
            least = min(least, round.seconds)
            result = round.result
        }
        return (least, result)
    }
}

/// The events of a recording, apart by instrument and kind and in the order of sealed blocks.
private struct Recording {
    struct Lane {
        let kind: EventKind
        var events: ContiguousArray<MarketEvent> = []
        /// Texts of identifiers; recordings whose identifiers are text are not measured.
        let texts = TextPool()

        /// The stretches of events within one window of event time each.
        func windows(seconds: Int64) -> [Range<Int>] {
            let length = seconds * 1_000_000_000
            var windows: [Range<Int>] = []
            var start = 0
            for index in 1...events.count {
                let isEnd =
                    index == events.count
                    || events[index].eventTime.nanoseconds / length != events[start].eventTime.nanoseconds / length
                guard isEnd else { continue }
                windows.append(start..<index)
                start = index
            }
            return windows
        }
    }

    private struct Key: Hashable {
        let instrument: Int32
        let kind: UInt8
    }

    let name: String
    private var lanes: [Key: Lane] = [:]

    init(_ path: String) throws {
        let input = try TapeInput.open(path: path)
        name = input.name
        let format: any RecordFormat =
            switch try FormatDetection.detect(input).format {
            case .leanTrade: try LeanFormat(layout: .equityTrade, venue: "LEAN", input: input, zone: .utc)
            case .binanceRecorder: BinanceRecorderFormat()
            default: throw ValidationError("\(path): neither trades of LEAN nor of the Binance recorder")
            }
        let reader = SlabReader(input.source, format: format)
        let decoder = format.makeDecoder()
        var line: Int64 = 0
        while let slab = try reader.next() {
            let batch = decoder.decode(slab)
            for var event in batch.events {
                event.position.rawValue += TapePosition(line: line, event: 0).rawValue
                let key = Key(instrument: event.instrument, kind: event.payload.kind.rawValue)
                // Each lane here has the stream of its instrument and kind.
                event.stream = 0
                lanes[key, default: Lane(kind: event.payload.kind)].events.append(event)
            }
            line += batch.lines
        }
    }

    /// All lanes, sorted; without receipt times, flags and conditions where they are bare.
    func lanes(bare: Bool) -> [Lane] {
        lanes.sorted { ($0.key.instrument, $0.key.kind) < ($1.key.instrument, $1.key.kind) }.map { _, lane in
            var lane = lane
            lane.events.sort { ($0.eventTime.nanoseconds, $0.position) < ($1.eventTime.nanoseconds, $1.position) }
            guard bare else { return lane }
            for index in lane.events.indices {
                lane.events[index].receiptTime = .absent
                lane.events[index].flags = []
                switch lane.events[index].payload {
                case .trade(var trade):
                    trade.condition = .absent
                    lane.events[index].payload = .trade(trade)
                case .quote(var quote):
                    quote.condition = .absent
                    lane.events[index].payload = .quote(quote)
                case .candle: break
                }
            }
            return lane
        }
    }
}
