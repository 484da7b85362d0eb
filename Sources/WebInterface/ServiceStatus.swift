import Alerts
import Console
import DocumentStore
import Ingest
import JSONOutput
import Live
import MarketData
import Service

/// How a daemon is doing, as `tapedesk status --watch` and scripts read it.
enum ServiceStatus {
    static func json(_ report: ServiceReport) -> JSONText {
        .object([
            ("state", .string(report.health.rawValue)),
            ("reasons", .array(report.reasons.map { .string($0) })),
            ("uptime_seconds", .integer(Int(report.uptime / .seconds(1)))),
            ("memory_bytes", .integer(report.process.residentBytes)),
            ("sources", .array(report.sources.map(source))),
            ("files", .array(report.files.map(files))),
            ("conflicts", .integer(report.changes.conflicts)),
            ("retries", .integer(report.changes.retries)),
            ("alerts", .array(report.alerts.recent.suffix(alertsShown).reversed().map(alert))),
            ("prices", .array(report.alerts.prices.prefix(pricesShown).map(prices))),
            (
                "undelivered_alerts",
                .object(report.waitingLetters.map { ($0.recipient, .integer($0.count)) })
            ),
        ])
    }

    private static let alertsShown = 20
    private static let pricesShown = 200

    private static func alert(_ alert: Alert) -> JSONText {
        .object([
            ("id", .string(alert.id)), ("rule", .string(alert.rule)), ("severity", .string(alert.severity.rawValue)),
            ("subject", .string(alert.subject.description)), ("message", .string(alert.message)),
            ("received_at", .integer(Int(alert.receiptTime.nanoseconds))),
        ])
    }

    private static func prices(_ entry: (instrument: Instrument, prices: AlertBoard.Prices)) -> JSONText {
        let text = { (price: ExactDecimal?) in price.map { JSONText.string($0.description) } ?? .null }
        return .object([
            ("instrument", .string(entry.instrument.description)), ("trade", text(entry.prices.trade)),
            ("bid", text(entry.prices.bid)), ("ask", text(entry.prices.ask)),
            ("event_time", .integer(Int(entry.prices.time.nanoseconds))),
        ])
    }

    private static func source(_ source: ServiceReport.Source) -> JSONText {
        let status = source.status
        return .object([
            ("source", .string(source.settings.name)),
            ("venue", .string(source.settings.venue)),
            ("durability", .string(source.settings.durability)),
            ("troubles", .array(source.troubles.map { .string($0) })),
            ("connections", .integer(status.feed.open)),
            ("wanted_connections", .integer(source.settings.connectionCount)),
            ("connects", .integer(status.feed.connects)),
            ("messages", .integer(status.feed.messages)),
            ("messages_per_second", .number(source.rates.messages)),
            ("events_per_second", .number(source.rates.events)),
            ("dropped_messages", .integer(status.feed.dropped)),
            ("stored_events", .integer(status.stored)),
            ("rejected", .counts(status.counts.rejected)),
            ("open_gaps", .integer(status.openGaps)),
            ("tape_bytes", status.tape.map { .integer(Int($0.byteCount)) } ?? .null),
            ("waiting_bytes", .integer(Int(status.waitingBytes))),
            ("lag_seconds_p50", seconds(status.lag.quantile(0.5))),
            ("lag_seconds_p99", seconds(status.lag.quantile(0.99))),
            ("last_receipt", status.feed.lastReceipt.map { .integer(Int($0.nanoseconds)) } ?? .null),
            ("lease", lease(source.standing)),
        ])
    }

    /// Null where the source is not shared.
    private static func lease(_ standing: LeasedSource.Standing?) -> JSONText {
        guard let standing else { return .null }
        return .object([
            ("owner", standing.owner.map { .string($0) } ?? .null), ("epoch", .integer(Int(standing.epoch))),
            ("held", .bool(standing.isHeld)),
        ])
    }

    private static func files(_ source: ServiceReport.Files) -> JSONText {
        .object([
            ("source", .string(source.name)), ("path", .string(source.path)),
            ("trouble", source.status.trouble.map { .string($0) } ?? .null),
            ("done", .integer(source.status.done)), ("failed", .integer(source.status.failed)),
            ("waiting", .integer(source.status.waiting)),
            ("current", source.status.current.map { .string($0) } ?? .null),
            ("stored_events", .integer(source.status.stored)), ("rejected", .integer(source.status.rejected)),
            ("lease", lease(source.standing)),
        ])
    }

    private static func seconds(_ duration: Duration?) -> JSONText {
        duration.map { .number($0 / .seconds(1)) } ?? .null
    }
}
