import Console
import MarketData
import TickStore

/// Bars as rows of text.
struct CandleText {
    static let names = [
        "start", "open", "high", "low", "close", "volume", "count", "vwap", "buy_volume", "sell_volume", "final",
    ]

    let format: ExportFormat
    var bytes: [UInt8] = []

    init(format: ExportFormat) {
        self.format = format
    }

    /// Appends the line that names the columns, where the format has one.
    mutating func appendHeader() {
        guard format == .csv else { return }
        append(Self.names.joined(separator: ",") + "\n")
    }

    /// Appends one bar.
    mutating func append(_ row: CandleRow) {
        let bar = row.bar
        let values: [Value] = [
            .plain(String(bar.start)), .decimal(bar.open.description), .decimal(bar.high.description),
            .decimal(bar.low.description), .decimal(bar.close.description), .decimal(bar.volume.description),
            .plain(String(bar.count)), .decimal(bar.averagePrice?.description ?? ""),
            .decimal(bar.buyVolume.description), .decimal(bar.sellVolume.description),
            .plain(row.isFinal ? "true" : "false"),
        ]
        switch format {
        case .csv: append(values.map(\.text).joined(separator: ","))
        case .ndjson:
            append("{" + zip(Self.names, values).map { "\"\($0)\":\($1.json)" }.joined(separator: ",") + "}")
        }
        append("\n")
    }

    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private enum Value {
        case plain(String)
        /// Decimals are strings in JSON: a number there would come back as a floating-point one.
        case decimal(String)

        var text: String {
            switch self {
            case .plain(let text), .decimal(let text): text
            }
        }

        var json: String {
            switch self {
            case .plain(let text): text
            case .decimal(let text): text.isEmpty ? "null" : "\"\(text)\""
            }
        }
    }
}
