import Alerts
import Console
import DocumentStore
import Ingest
import Live
import MarketData
import Service

/// How a daemon is doing, for people: what `tapedesk status --watch` shows.
enum ServiceDashboard {
    private static let pricesShown = 30
    private static let alertsShown = 10
    private static let nameWidth = 20

    static func text(_ report: ServiceReport) -> String {
        var lines = head(report)
        lines += sources(report)
        lines += files(report)
        lines += prices(report)
        lines += alerts(report)
        return lines.joined(separator: "\n") + "\n"
    }

    private static func head(_ report: ServiceReport) -> [String] {
        var lines = [
            "tapedesk is \(report.health.rawValue), since \(time(report.uptime)), with "
                + "\((report.process.residentBytes >> 20).grouped) MB"
        ]
        lines += report.reasons.map { "  ! \($0)" }
        return lines
    }

    private static func sources(_ report: ServiceReport) -> [String] {
        var lines = [
            "",
            "source".padded(to: nameWidth)
                + ["links", "messages/s", "events/s", "lag ms p50", "p99", "bytes wait", "gaps", "rejected", "dropped"]
                .map { $0.aligned(to: 11) }.joined(),
        ]
        for source in report.sources {
            let status = source.status
            let columns = [
                "\(status.feed.open)/\(source.settings.connectionCount)",
                Int(source.rates.messages.rounded()).grouped, Int(source.rates.events.rounded()).grouped,
                milliseconds(status.lag.quantile(0.5)), milliseconds(status.lag.quantile(0.99)),
                Int(status.waitingBytes).grouped, status.openGaps.grouped,
                status.counts.rejected.values.reduce(0, +).grouped, status.feed.dropped.grouped,
            ]
            lines.append(source.settings.name.padded(to: nameWidth) + columns.map { $0.aligned(to: 11) }.joined())
        }
        if report.sources.isEmpty { lines.append("  none") }
        return lines
    }

    private static func files(_ report: ServiceReport) -> [String] {
        var lines: [String] = []
        if !report.files.isEmpty {
            let titles = ["done", "wait", "failed", "events", "rejected"]
            lines += ["", "files".padded(to: nameWidth) + titles.map { $0.aligned(to: 11) }.joined()]
        }
        for source in report.files {
            let status = source.status
            let columns = [status.done, status.waiting, status.failed, status.stored, status.rejected]
            lines.append(
                source.name.padded(to: nameWidth) + columns.map { $0.grouped.aligned(to: 11) }.joined()
                    + (status.current.map { "  \($0)" } ?? "")
            )
        }
        let waiting = report.waitingLetters.filter { $0.count > 0 }.map { "\($0.count) for \($0.recipient)" }
        lines.append("")
        lines.append(
            "conflicts \(report.changes.conflicts.grouped), retries \(report.changes.retries.grouped); connections to "
                + "MongoDB \(report.connections.leased) busy of \(report.connections.open); "
                + "alerts that wait: \(waiting.isEmpty ? "none" : waiting.joined(separator: ", "))"
        )
        return lines
    }

    private static func prices(_ report: ServiceReport) -> [String] {
        guard !report.alerts.prices.isEmpty else { return [] }
        var lines = ["", "instrument".padded(to: 28) + ["last", "bid", "ask"].map { $0.aligned(to: 16) }.joined()]
        for (instrument, prices) in report.alerts.prices.prefix(pricesShown) {
            let columns = [prices.trade, prices.bid, prices.ask].map { ($0?.description ?? "–").aligned(to: 16) }
            lines.append(instrument.description.padded(to: 28) + columns.joined())
        }
        let more = report.alerts.prices.count - pricesShown
        if more > 0 { lines.append("  … and \(more.grouped) more") }
        return lines
    }

    private static func alerts(_ report: ServiceReport) -> [String] {
        guard !report.alerts.recent.isEmpty else { return ["", "no alerts"] }
        let shown = report.alerts.recent.suffix(alertsShown).reversed()
        return ["", "alerts"]
            + shown.map { alert in
                "  \(clock(alert.receiptTime)) \(alert.severity.rawValue.padded(to: 9)) \(alert.rule): \(alert.message)"
            }
    }

    /// Hours, minutes and seconds of the day in UTC.
    private static func clock(_ time: Timestamp) -> String {
        let seconds = time.nanoseconds / 1_000_000_000 % 86_400
        return [seconds / 3_600, seconds / 60 % 60, seconds % 60]
            .map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
    }

    private static func time(_ duration: Duration) -> String {
        let seconds = Int(duration / .seconds(1))
        if seconds < 60 { return "\(seconds) s" }
        if seconds < 3_600 { return "\(seconds / 60) min" }
        return seconds < 172_800 ? "\(seconds / 3_600) h \(seconds / 60 % 60) min" : "\(seconds / 86_400) days"
    }

    private static func milliseconds(_ duration: Duration?) -> String {
        duration.map { Int(($0 / .milliseconds(1)).rounded(.up)).grouped } ?? "–"
    }
}

extension String {
    /// With spaces before it, up to a width.
    fileprivate func aligned(to width: Int) -> String {
        String(repeating: " ", count: max(1, width - count)) + self
    }
}
