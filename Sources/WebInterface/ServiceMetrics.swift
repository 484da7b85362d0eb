import Alerts
import DocumentStore
import Ingest
import Live
import MarketData
import Service

/// What Prometheus reads of a daemon.
///
/// docs/operating.md lists the families; their names are a promise.
struct ServiceMetrics {
    private var text = PrometheusText()

    /// The metrics of a report.
    static func text(_ report: ServiceReport) -> [UInt8] {
        var metrics = ServiceMetrics()
        metrics.addProcess(report)
        metrics.addFeeds(report.sources)
        metrics.addTapes(report.sources)
        metrics.addStoring(report.sources)
        metrics.addCommits(report.sources)
        metrics.addFiles(report.files)
        metrics.addLeases(report)
        metrics.addDatabase(report)
        metrics.addAlerts(report)
        return metrics.text.bytes
    }

    private typealias Source = ServiceReport.Source

    private mutating func addProcess(_ report: ServiceReport) {
        text.family("process_resident_memory_bytes", .gauge, "Memory of the process")
        text.sample("process_resident_memory_bytes", report.process.residentBytes)
        text.family("process_cpu_seconds_total", .counter, "Processor time of the process")
        text.sample("process_cpu_seconds_total", report.process.processorTime / .seconds(1))
        text.family("tapedesk_uptime_seconds", .gauge, "How long the daemon has run")
        text.sample("tapedesk_uptime_seconds", report.uptime / .seconds(1))
        text.family("tapedesk_health", .gauge, "One for the state that the daemon is in, zero for the others")
        for health in [ServiceHealth.starting, .running, .degraded, .stopping] {
            text.sample("tapedesk_health", ["state": health.rawValue], report.health == health ? 1 : 0)
        }
    }

    /// A family with one sample of each source.
    private mutating func addFamily(
        _ name: String,
        _ kind: PrometheusText.Kind,
        _ help: String,
        _ sources: [Source],
        _ value: (Source) -> Int?
    ) {
        text.family(name, kind, help)
        for source in sources {
            if let value = value(source) { text.sample(name, ["source": source.settings.name], value) }
        }
    }

    private mutating func addLeases(_ report: ServiceReport) {
        let standings =
            report.sources.compactMap { source in source.standing.map { (source.settings.name, $0) } }
            + report.files.compactMap { source in source.standing.map { (source.name, $0) } }
        guard !standings.isEmpty else { return }
        text.family("tapedesk_lease_held", .gauge, "One where this instance has the lease of the source")
        for (source, standing) in standings {
            text.sample("tapedesk_lease_held", ["source": source], standing.isHeld ? 1 : 0)
        }
        text.family("tapedesk_lease_epoch", .gauge, "The epoch of the source's lease, whoever has it")
        for (source, standing) in standings {
            text.sample("tapedesk_lease_epoch", ["source": source], Int(standing.epoch))
        }
        text.family("tapedesk_fenced_changes_total", .counter, "Changes that came from under a lost lease")
        text.sample("tapedesk_fenced_changes_total", report.changes.fenced)
    }

    private mutating func addFeeds(_ sources: [Source]) {
        addFamily("tapedesk_messages_total", .counter, "Messages received from venues", sources) {
            $0.status.feed.messages
        }
        addFamily("tapedesk_received_bytes_total", .counter, "Bytes of messages received from venues", sources) {
            $0.status.feed.bytes
        }
        addFamily("tapedesk_dropped_messages_total", .counter, "Messages that a full tape did not take", sources) {
            $0.status.feed.dropped
        }
        addFamily("tapedesk_connects_total", .counter, "Connections to venues that came to stand", sources) {
            $0.status.feed.connects
        }
        addFamily("tapedesk_disconnects_total", .counter, "Connections to venues that ended", sources) {
            $0.status.feed.disconnects
        }
        addFamily("tapedesk_refusals_total", .counter, "Subscriptions that venues refused", sources) {
            $0.status.feed.refusals
        }
        addFamily("tapedesk_connections", .gauge, "Connections to venues that stand", sources) {
            $0.status.feed.open
        }
        addFamily("tapedesk_wanted_connections", .gauge, "Connections to venues that should stand", sources) {
            $0.settings.connectionCount
        }
        text.family("tapedesk_last_receipt_timestamp_seconds", .gauge, "When a message was received last")
        for source in sources {
            guard let time = source.status.feed.lastReceipt else { continue }
            let labels: PrometheusText.Labels = ["source": source.settings.name]
            text.sample("tapedesk_last_receipt_timestamp_seconds", labels, Double(time.nanoseconds) / 1e9)
        }
    }

    private mutating func addTapes(_ sources: [Source]) {
        addFamily("tapedesk_tape_bytes", .gauge, "Bytes of the tape on the disk", sources) {
            $0.status.tape.map { Int($0.byteCount) }
        }
        addFamily("tapedesk_tape_limit_bytes", .gauge, "Bytes that the tape may have", sources) {
            Int($0.settings.limits.bytesMax)
        }
        addFamily("tapedesk_tape_waiting_bytes", .gauge, "Bytes of the tape that are not confirmed", sources) {
            Int($0.status.waitingBytes)
        }
        addFamily("tapedesk_source_degraded", .gauge, "One where something that the source needs is missing", sources) {
            $0.troubles.isEmpty ? 0 : 1
        }
    }

    private mutating func addStoring(_ sources: [Source]) {
        text.family("tapedesk_events_total", .counter, "Events looked at, by kind, in this process and those before it")
        for source in sources {
            for (kind, count) in source.status.counts.events.sorted(by: { $0.key < $1.key }) {
                text.sample("tapedesk_events_total", ["source": source.settings.name, "kind": kind], count)
            }
        }
        addFamily("tapedesk_stored_events_total", .counter, "Events that this process stored", sources) {
            $0.status.stored
        }
        text.family("tapedesk_rejected_records_total", .counter, "Records rejected, by rule, also before this process")
        for source in sources {
            for (rule, count) in source.status.counts.rejected.sorted(by: { $0.key < $1.key }) {
                text.sample("tapedesk_rejected_records_total", ["source": source.settings.name, "rule": rule], count)
            }
        }
        text.family("tapedesk_flagged_events_total", .counter, "Events stored with a flag, also before this process")
        for source in sources {
            for (flag, count) in source.status.counts.flagged.sorted(by: { $0.key < $1.key }) {
                text.sample("tapedesk_flagged_events_total", ["source": source.settings.name, "flag": flag], count)
            }
        }
        addFamily("tapedesk_open_gaps", .gauge, "Holes in sequences that are not filled", sources) {
            $0.status.openGaps
        }
        let lag = "tapedesk_storing_lag_seconds"
        text.family(lag, .summary, "From the receipt of a message until MongoDB confirmed it, of the last ones")
        for source in sources { addLag(lag, source) }
    }

    private mutating func addLag(_ name: String, _ source: Source) {
        let lag = source.status.lag
        for (quantile, share) in [("0.5", 0.5), ("0.99", 0.99)] {
            guard let value = lag.quantile(share) else { continue }
            text.sample(name, ["source": source.settings.name, "quantile": quantile], value / .seconds(1))
        }
        text.sample(name + "_sum", ["source": source.settings.name], lag.sum / .seconds(1))
        text.sample(name + "_count", ["source": source.settings.name], lag.count)
    }

    private mutating func addCommits(_ sources: [Source]) {
        text.family("tapedesk_commit_seconds", .histogram, "How long commits took")
        for source in sources { addHistogram("tapedesk_commit_seconds", source, source.status.commits.seconds) }
        text.family("tapedesk_commit_events", .histogram, "Events that were stored by one commit")
        for source in sources { addHistogram("tapedesk_commit_events", source, source.status.commits.events) }
    }

    private mutating func addHistogram(_ name: String, _ source: Source, _ histogram: Histogram) {
        text.histogram(name, ["source": source.settings.name], histogram)
    }

    private mutating func addAlerts(_ report: ServiceReport) {
        let alerts = report.alerts
        text.family("tapedesk_alerts_total", .counter, "Alerts that were given, by rule")
        for count in alerts.summary.rules { text.sample("tapedesk_alerts_total", ["rule": count.rule], count.fired) }
        text.family("tapedesk_held_back_alerts_total", .counter, "Alerts that a cool-down held back, by rule")
        for count in alerts.summary.rules {
            text.sample("tapedesk_held_back_alerts_total", ["rule": count.rule], count.heldBack)
        }
        text.family("tapedesk_alert_delay_seconds", .histogram, "From receipt until the rules had seen a message")
        text.histogram("tapedesk_alert_delay_seconds", [:], alerts.delay)
        text.family("tapedesk_unwatched_messages_total", .counter, "Messages that no rule saw, because of too many")
        text.sample("tapedesk_unwatched_messages_total", alerts.skipped)
        text.family("tapedesk_alert_listeners", .gauge, "Clients that listen to alerts")
        text.sample("tapedesk_alert_listeners", alerts.listeners)
        text.family("tapedesk_undelivered_alerts", .gauge, "Alerts that wait for a recipient")
        for (recipient, count) in report.waitingLetters {
            text.sample("tapedesk_undelivered_alerts", ["recipient": recipient], count)
        }
    }

    private mutating func addFiles(_ files: [ServiceReport.Files]) {
        guard !files.isEmpty else { return }
        let families: [(name: String, kind: PrometheusText.Kind, help: String, value: (FileSourceStatus) -> Int)] = [
            ("tapedesk_files_total", .counter, "Files that were stored whole", { $0.done }),
            ("tapedesk_failed_files_total", .counter, "Files that cannot be read, and were put aside", { $0.failed }),
            ("tapedesk_waiting_files", .gauge, "Files that wait to be stored", { $0.waiting }),
            ("tapedesk_stored_file_events_total", .counter, "Events of files that were stored", { $0.stored }),
            ("tapedesk_rejected_file_records_total", .counter, "Records of files that were rejected", { $0.rejected }),
        ]
        for family in families {
            text.family(family.name, family.kind, family.help)
            for source in files { text.sample(family.name, ["source": source.name], family.value(source.status)) }
        }
    }

    private mutating func addDatabase(_ report: ServiceReport) {
        let changes = report.changes
        for (name, help, value) in [
            ("tapedesk_change_attempts_total", "Changes of documents that were attempted", changes.attempts),
            ("tapedesk_change_retries_total", "Changes of documents that were attempted again", changes.retries),
            ("tapedesk_change_conflicts_total", "Changes that met a newer version", changes.conflicts),
            ("tapedesk_changes_in_doubt_total", "Changes whose outcome was found out by reading", changes.resolved),
            ("tapedesk_pool_waits_total", "Operations that waited for a connection", report.connections.waits),
            ("tapedesk_pool_refusals_total", "Operations that got no connection", report.connections.turnedAway),
        ] {
            text.family(name, .counter, help)
            text.sample(name, value)
        }
        text.family("tapedesk_pool_connections", .gauge, "Connections to MongoDB, by what they do")
        text.sample("tapedesk_pool_connections", ["state": "busy"], report.connections.leased)
        text.sample(
            "tapedesk_pool_connections",
            ["state": "idle"],
            max(0, report.connections.open - report.connections.leased)
        )
        text.family("tapedesk_pool_waiting", .gauge, "Operations that wait for a connection to MongoDB")
        text.sample("tapedesk_pool_waiting", report.connections.waiting)
    }
}
