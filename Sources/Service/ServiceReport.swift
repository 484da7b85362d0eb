package import DocumentStore
private import Glibc
import Live

/// How a daemon is doing as a whole.
package enum ServiceHealth: String, Sendable {
    /// Some source has no tape yet, or has not read its checkpoint.
    case starting
    case running
    /// It records, and something that it needs is missing.
    case degraded
    case stopping
}

/// Everything that a daemon tells about itself, as it is at one moment.
package struct ServiceReport: Sendable {
    /// A source, by its settings and how it is doing.
    package struct Source: Sendable {
        package let settings: LiveSource.Settings
        package let status: LiveSource.Status
        package let rates: RateMeter.Rates
        /// How it stands with other instances; nil where it is not shared.
        package let standing: LeasedSource.Standing?

        /// What is missing, in plain words; nothing where another instance has the source.
        package var troubles: [String] { standing?.isHeld == false ? [] : settings.troubles(status) }
    }

    /// A source of files.
    package struct Files: Sendable {
        package let name: String
        package let path: String
        package let status: FileSourceStatus
        /// How it stands with other instances; nil where it is not shared.
        package let standing: LeasedSource.Standing?
    }

    /// How busy the connections to MongoDB are, and were.
    package struct Connections: Sendable {
        package var open = 0
        package var leased = 0
        package var waiting = 0
        package var waits = 0
        package var turnedAway = 0

        package init() {}
    }

    package let health: ServiceHealth
    /// What is missing, in plain words, each with the name of the source.
    package let reasons: [String]
    package let sources: [Source]
    package let files: [Files]
    /// What became of changes of documents.
    package let changes: ChangeStatistics
    package let connections: Connections
    package let alerts: AlertBoard.Report
    /// Letters that wait for a recipient of alerts, by its name.
    package let waitingLetters: [(recipient: String, count: Int)]
    /// Since the daemon was started.
    package let uptime: Duration
    package let process: ProcessUsage
}

extension Daemon {
    /// How the daemon is doing now.
    package func report(
        changes: ChangeStatistics,
        connections: ServiceReport.Connections,
        alerts: AlertBoard.Report,
        waitingLetters: [(recipient: String, count: Int)],
        rates: RateMeter,
        uptime: Duration
    ) -> ServiceReport {
        let all = self.sources
        var sources: [ServiceReport.Source] = []
        var files: [ServiceReport.Files] = []
        for source in all {
            let standing = (source as? LeasedSource)?.standing
            switch source.present {
            case let live as LiveSource:
                sources.append(
                    ServiceReport.Source(
                        settings: live.settings,
                        status: live.status,
                        rates: rates.rates(of: live.settings.name),
                        standing: standing
                    )
                )
            case let file as any FileSource:
                files.append(
                    ServiceReport.Files(
                        name: file.name,
                        path: file.path,
                        status: file.status,
                        standing: standing
                    )
                )
            default: break
            }
        }
        let reasons = all.flatMap { source in source.troubles.map { "\(source.name): \($0)" } }
        return ServiceReport(
            health: health(all, isDegraded: !reasons.isEmpty),
            reasons: reasons,
            sources: sources,
            files: files,
            changes: changes,
            connections: connections,
            alerts: alerts,
            waitingLetters: waitingLetters,
            uptime: uptime,
            process: ProcessUsage.now()
        )
    }

    private func health(_ sources: [any ServiceSource], isDegraded: Bool) -> ServiceHealth {
        if isStopping { return .stopping }
        if !sources.allSatisfy(\.isStarted) { return .starting }
        return isDegraded ? .degraded : .running
    }
}

extension LiveSource.Settings {
    /// What is missing, in plain words.
    package func troubles(_ status: LiveSource.Status) -> [String] {
        var troubles = [status.trouble, status.tape?.trouble?.message, status.feed.lastRefusal].compactMap { $0 }
        if status.feed.open < connectionCount {
            let last = status.feed.lastTrouble.map { " (last: \($0))" } ?? ""
            troubles.append("\(status.feed.open) of \(connectionCount) connections stand\(last)")
        }
        if let share = tapeShare(status), share >= Self.nearlyFull {
            troubles.append("its tape is \(Int(share * 100)) % full")
        }
        return troubles
    }

    /// From this share on a tape that fills up is worth a word.
    private static let nearlyFull = 0.8

    /// How full the tape is with what is not confirmed, from 0 to 1; nil before it was opened.
    private func tapeShare(_ status: LiveSource.Status) -> Double? {
        status.tape == nil ? nil : Double(status.waitingBytes) / Double(limits.bytesMax)
    }
}

/// What the process uses of the machine.
package struct ProcessUsage: Sendable {
    /// In memory at the moment, in bytes; zero where the system does not tell.
    package let residentBytes: Int
    /// Processor time so far, of the program and of the system for it.
    package let processorTime: Duration

    /// What it uses now.
    package static func now() -> ProcessUsage {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
        let microseconds = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec
        return ProcessUsage(
            residentBytes: residentPages() * Int(sysconf(Int32(_SC_PAGESIZE))),
            processorTime: .seconds(seconds) + .microseconds(microseconds)
        )
    }

    /// The second number of `/proc/self/statm`, see proc(5).
    private static func residentPages() -> Int {
        let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = read(descriptor, &bytes, bytes.count)
        let numbers = bytes.prefix(max(0, count)).split(separator: UInt8(ascii: " "))
        return numbers.count > 1 ? Int(String(decoding: numbers[1], as: UTF8.self)) ?? 0 : 0
    }
}
