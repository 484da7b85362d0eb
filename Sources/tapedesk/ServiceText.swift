import Console
import Live
import Service

/// What operators read of live sources.
enum ServiceText {
    /// All sources in one line.
    static func line(_ daemon: Daemon) -> String {
        let sources = daemon.liveSources
        let statuses = sources.map(\.status)
        let messages = statuses.reduce(0) { $0 + $1.feed.messages }
        let stored = statuses.reduce(0) { $0 + $1.stored }
        let waiting = statuses.reduce(0) { $0 + $1.waitingBytes }
        let open = statuses.reduce(0) { $0 + $1.feed.open }
        let wanted = sources.reduce(0) { $0 + $1.settings.connectionCount }
        let troubles = daemon.sources.flatMap { source in source.troubles.map { "\(source.name): \($0)" } }
        var parts = [
            troubles.isEmpty ? "running" : "degraded", "\(open) of \(wanted) connections",
            "\(messages.grouped) messages", "\(stored.grouped) events stored", "\(waiting.grouped) bytes wait",
        ]
        if let lag = statuses.compactMap({ $0.lag.quantile(0.99) }).max() {
            parts.append("stored within \(milliseconds(lag)) ms (p99)")
        }
        let files = daemon.fileSources.map(\.status)
        if !files.isEmpty {
            let (done, waiting) = (files.reduce(0) { $0 + $1.done }, files.reduce(0) { $0 + $1.waiting })
            parts.append("\(done.grouped) files read, \(waiting.grouped) wait")
        }
        let dropped = statuses.reduce(0) { $0 + $1.feed.dropped }
        if dropped > 0 { parts.append("\(dropped.grouped) messages dropped") }
        if let trouble = troubles.first { parts.append(trouble) }
        return parts.joined(separator: "; ")
    }

    private static func milliseconds(_ duration: Duration) -> Int { Int((duration / .milliseconds(1)).rounded(.up)) }

    /// What was recorded of a source.
    static func recorded(_ source: LiveSource) -> String {
        let status = source.status
        var text = "\(source.settings.name): \(status.feed.messages.grouped) messages"
        if let tape = status.tape { text += ", \(tape.byteCount.grouped) bytes in \(source.settings.folder)" }
        if let median = status.lag.quantile(0.5), let worst = status.lag.quantile(0.99) {
            text += ", stored within \(milliseconds(median)) ms (median) and \(milliseconds(worst)) ms (p99)"
        }
        if status.feed.dropped > 0 { text += ", \(status.feed.dropped.grouped) dropped" }
        if let refusal = status.feed.lastRefusal { text += ", \(refusal)" }
        if let trouble = status.feed.lastTrouble { text += " (last: \(trouble))" }
        return text
    }
}
