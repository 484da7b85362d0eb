import Feeds
import MarketData

/// One frame of a tape in tests.
enum TestFrame {
    case message(String)
    case answer(String, String)
    /// A payload as it stands, whatever it is.
    case payload([UInt8])
}

/// 2023-11-14 22:13:20 UTC, when the answers of tests are received.
let answerReceipt: Int64 = 1_700_000_000_000_000_000

/// A tape of these frames, all of one connection.
func tape(_ dialect: String, _ frames: [TestFrame], connection: String = "c") throws -> [UInt8] {
    let encoder = TapeEncoder(try TapeHeader(venue: "V", source: "s", dialect: dialect))
    var bytes: [UInt8] = []
    encoder.appendHeader(to: &bytes)
    let time = Timestamp(nanoseconds: answerReceipt)
    for frame in frames {
        let (kind, payload): (TapeFrameKind, [UInt8]) =
            switch frame {
            case .message(let text): (.receive, Array(text.utf8))
            case .answer(let target, let body): (.answer, Array("\(target)\n\(body)".utf8))
            case .payload(let payload): (.answer, payload)
            }
        try encoder.append(kind, receiptTime: time, connection: connection, payload: payload, to: &bytes)
    }
    return bytes
}

/// What a tape of these frames decodes to.
func decode(_ dialect: String, _ frames: [TestFrame], slabBytes: Int = SlabReader.slabBytes) throws -> Decoded {
    let header = try TapeHeader(venue: "V", source: "s", dialect: dialect)
    return try decode(try tape(dialect, frames), as: try TapeFormat(header), slabBytes: slabBytes)
}

/// What a tape of one answer decodes to.
func decode(_ dialect: String, answer target: String, _ body: String) throws -> Decoded {
    try decode(dialect, [.answer(target, body)])
}

extension Decoded {
    /// The numbers of the events, each with its stream.
    var numbers: [String] { zip(events, raw).map { "\($0.stream) \($1.orderNumber)" } }
}
