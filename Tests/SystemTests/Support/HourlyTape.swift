import Foundation

/// A made-up recording of trades over several hours whose ids number its lines.
///
/// So an export tells which lines of the tape are stored.
struct HourlyTape: Sendable {
    /// How its fields are named.
    static let mapped = [
        "--format", "ndjson", "--venue", "HOURLY", "--map", "symbol=s,time=t,price=p,size=q,id=i,side=d",
    ]
    /// 2024-08-08 20:00 UTC: four hours later, a day ends.
    static let start = 1_723_147_200_000_000_000

    let symbols: [String]
    let lines: [String]

    var lanes: [Lane] { symbols.map { Lane("HOURLY:" + $0, "trade") } }
    var data: Data { Data(lines.joined().utf8) }

    /// Makes a tape.
    ///
    /// - Parameter lateShare: so many events of a thousand are up to three hours older than their neighbours.
    init(events: Int, hours: Int, seed: UInt64, symbols: [String] = ["A", "B-2"], lateShare: Int = 0) {
        self.symbols = symbols
        var random = SeededGenerator(seed: seed)
        var lines: [String] = []
        lines.reserveCapacity(events)
        for number in 0..<events {
            let pace = hours * Desk.hour / events
            // Three lines each have the same time: their order is that of the tape.
            var time = Self.start + number / 3 * 3 * pace
            if Int.random(in: 0..<1_000, using: &random) < lateShare {
                time -= Int.random(in: 0..<(3 * Desk.hour), using: &random)
            }
            let symbol = symbols[Int.random(in: 0..<symbols.count, using: &random)]
            let price = 6_180_000 + Int.random(in: 0..<2_000, using: &random)
            let size = Int.random(in: 1..<1_000_000, using: &random)
            let side = Bool.random(using: &random) ? "buy" : "sell"
            lines.append(
                #"{"s":"\#(symbol)","t":\#(time),"p":"\#(price / 100).\#(price % 100 + 100)","q":"0.\#(size)","#
                    + #""i":\#(number),"d":"\#(side)"}"# + "\n"
            )
        }
        self.lines = lines
    }

    /// The tape up to a line, as a recording that still grows.
    func prefix(_ count: Int) -> Data { Data(lines.prefix(count).joined().utf8) }
}
