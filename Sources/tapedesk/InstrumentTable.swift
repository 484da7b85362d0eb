import BSON
import Console
import DocumentStore
import TickStore

/// Instruments with what is stored of them.
struct InstrumentTable {
    let rows: [InstrumentOverview]

    private static let rowsShownMax = 40

    /// Loads the instruments of one source, or of all.
    static func load(_ writer: VersionedWriter, source: String? = nil) async throws -> InstrumentTable {
        InstrumentTable(rows: try await InstrumentOverview.load(writer, source: source))
    }

    var text: String {
        let width = max(10, rows.map(\.instrument.count).max() ?? 0)
        var lines = [
            "",
            "  " + "instrument".padded(to: width) + "      trades      quotes     candles  last price",
        ]
        for row in rows.prefix(Self.rowsShownMax) {
            let counts = [row.trades, row.quotes, row.candles].map { count in
                let text = count.grouped
                return String(repeating: " ", count: max(0, 12 - text.count)) + text
            }
            lines.append("  " + row.instrument.padded(to: width) + counts.joined() + "  " + (row.lastPrice ?? ""))
        }
        if rows.count > Self.rowsShownMax {
            lines.append("  … and \((rows.count - Self.rowsShownMax).grouped) more")
        }
        return lines.joined(separator: "\n")
    }
}
