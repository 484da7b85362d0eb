import Alerts
import Console
import DocumentStore
import Foundation
import Ingest
import JSONOutput
import MarketData
import Testing

@testable import Live
@testable import Service
@testable import WebInterface

@Suite struct PrometheusTextTests {
    private func text(_ add: (inout PrometheusText) -> Void) -> String {
        var text = PrometheusText()
        add(&text)
        return String(decoding: text.bytes, as: UTF8.self)
    }

    @Test func familiesSayWhatTheyAre() {
        let text = text {
            $0.family("a_total", .counter, "Things")
            $0.sample("a_total", 5)
            $0.sample("a_total", ["x": "1", "y": ""], 1.5)
        }
        #expect(text == "# HELP a_total Things.\n# TYPE a_total counter\na_total 5\na_total{x=\"1\",y=\"\"} 1.5\n")
    }

    @Test(arguments: [
        (#"a"b"#, #"a\"b"#), (#"a\b"#, #"a\\b"#), ("a\nb", #"a\nb"#), ("ü {},=", "ü {},="),
        (#"\""#, #"\\\""#),
        // A quotation mark with an accent is one character for people, and ends the label for Prometheus.
        ("a\"\u{301}b", "a\\\"\u{301}b"), ("a\\\u{301}b", "a\\\\\u{301}b"),
    ])
    func labelsAreEscaped(value: String, expected: String) {
        // Unicode scalars, since equal characters may hide a difference.
        let found = text { $0.sample("a", ["l": value], 1) }
        #expect(found.unicodeScalars.elementsEqual("a{l=\"\(expected)\"} 1\n".unicodeScalars))
    }

    @Test(arguments: [
        (0.0, "0.0"), (Double.infinity, "+Inf"), (-Double.infinity, "-Inf"), (Double.nan, "NaN"), (1e-7, "1e-07"),
    ])
    func numbersAreAsPrometheusWritesThem(value: Double, expected: String) {
        #expect(text { $0.sample("a", value) } == "a \(expected)\n")
    }

    @Test func histogramsCountAllThatIsNotMore() {
        var histogram = Histogram(bounds: [0.5, 1, 10])
        for value in [0.1, 0.5, 0.75, 2, 3, 100] { histogram.add(value) }
        #expect(
            text { $0.histogram("h", ["s": "a"], histogram) }.split(separator: "\n") == [
                "h_bucket{s=\"a\",le=\"0.5\"} 2", "h_bucket{s=\"a\",le=\"1.0\"} 3", "h_bucket{s=\"a\",le=\"10.0\"} 5",
                "h_bucket{s=\"a\",le=\"+Inf\"} 6", "h_sum{s=\"a\"} 106.35", "h_count{s=\"a\"} 6",
            ]
        )
    }
}

/// A report of a daemon with a source of every sort of trouble.
private struct SampleReport {
    let report: ServiceReport

    init() throws {
        let board = try AlertBoard(
            rules: [
                AlertRule(name: "silent", scope: .sources([]), condition: .silent(.seconds(1))),
                AlertRule(name: "other", scope: .sources([]), condition: .gap(missingAtLeast: 1)),
            ],
            now: { testTime },
            log: { _ in }
        )
        var connections = ServiceReport.Connections()
        (connections.open, connections.leased, connections.waits) = (4, 3, 17)
        let sources = try ["spot", "futures"].map(Self.source)
        report = ServiceReport(
            health: .degraded,
            reasons: ["spot: the disk is full"],
            sources: sources,
            files: [],
            changes: ChangeStatistics(),
            connections: connections,
            alerts: board.report,
            waitingLetters: [("mongodb", 3), ("webhook-chat", 0)],
            uptime: .seconds(90),
            process: .now()
        )
    }

    private static func source(_ name: String) throws -> ServiceReport.Source {
        let source = LiveSource(
            LiveSource.Settings(
                name: name,
                venue: "BINANCE",
                dialect: "binance",
                connections: [],
                folder: "/nowhere",
                limits: LiveTape.Limits(bytesMax: 1 << 30),
                whenFull: .block
            ),
            target: nil,
            environment: try .test()
        )
        var status = source.status
        status.feed.messages = 12
        status.feed.lastReceipt = testTime
        status.tape = LiveTape.Status()
        status.counts.events = ["trade": 5, "quote": 7]
        status.counts.rejected = ["malformed": 1]
        status.counts.flagged = ["out_of_order": 2]
        status.lag.received(testTime, through: 10)
        status.lag.stored(through: 10, at: Timestamp(nanoseconds: testTime.nanoseconds + 250_000_000))
        status.commits.add(events: 40, time: .milliseconds(3))
        return ServiceReport.Source(
            settings: source.settings,
            status: status,
            rates: RateMeter.Rates(),
            standing: nil
        )
    }
}

@Suite(.timeLimit(.minutes(10))) struct ServiceMetricsTests {
    private func lines() throws -> [String] {
        let bytes = ServiceMetrics.text(try SampleReport().report)
        return String(decoding: bytes, as: UTF8.self).components(separatedBy: "\n")
    }

    static let promtool: String? = ["/usr/bin", "/usr/local/bin", "/opt/prometheus"]
        .map { $0 + "/promtool" }.first(where: FileManager.default.isExecutableFile)

    @Test(.enabled(if: promtool != nil, "promtool is not installed"))
    func promtoolTakesThem() throws {
        let folder = ServiceFolder()
        try folder.make()
        try folder.write(ServiceMetrics.text(SampleReport().report), to: "metrics")
        let process = Process()
        process.executableURL = URL(filePath: try #require(Self.promtool))
        process.arguments = ["check", "metrics"]
        process.standardInput = try FileHandle(forReadingFrom: URL(filePath: folder.path + "/metrics"))
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let said = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(said)")
        #expect(said.isEmpty)
    }

    @Test func everyFamilyBeginsOnceAndEverySampleIsInOne() throws {
        let lines = try lines()
        let families = lines.filter { $0.hasPrefix("# TYPE ") }.map { $0.components(separatedBy: " ")[2] }
        #expect(families.count > 30 && Set(families).count == families.count)
        var current = ""
        for line in lines where !line.isEmpty {
            if line.hasPrefix("# ") {
                current = line.components(separatedBy: " ")[2]
                continue
            }
            let name = String(line.prefix { $0 != "{" && $0 != " " })
            let names = [current] + ["_bucket", "_sum", "_count"].map { current + $0 }
            #expect(names.contains(name), "\(line)")
        }
        let samples = lines.filter { !$0.hasPrefix("#") && !$0.isEmpty }.map { $0.prefix { $0 != " " } }
        #expect(Set(samples).count == samples.count)
    }

    @Test func valuesAreThoseOfTheReport() throws {
        let lines = try lines()
        for line in [
            "tapedesk_health{state=\"degraded\"} 1", "tapedesk_health{state=\"running\"} 0",
            "tapedesk_uptime_seconds 90.0", "tapedesk_messages_total{source=\"futures\"} 12",
            "tapedesk_events_total{source=\"spot\",kind=\"trade\"} 5",
            "tapedesk_rejected_records_total{source=\"spot\",rule=\"malformed\"} 1",
            "tapedesk_storing_lag_seconds{source=\"spot\",quantile=\"0.5\"} 0.25",
            "tapedesk_commit_events_bucket{source=\"spot\",le=\"100.0\"} 1",
            "tapedesk_commit_events_bucket{source=\"spot\",le=\"10.0\"} 0",
            "tapedesk_pool_connections{state=\"busy\"} 3", "tapedesk_pool_connections{state=\"idle\"} 1",
            "tapedesk_pool_waits_total 17", "tapedesk_undelivered_alerts{recipient=\"mongodb\"} 3",
            "tapedesk_alerts_total{rule=\"silent\"} 0",
            "tapedesk_last_receipt_timestamp_seconds{source=\"spot\"} 1700000000.5",
        ] {
            #expect(lines.contains(line), "\(line)")
        }
    }

    @Test func theStatusIsJSONOfTheSame() throws {
        let text = ServiceStatus.json(try SampleReport().report).text
        let status = try #require(
            try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        )
        #expect(status["state"] as? String == "degraded" && status["uptime_seconds"] as? Int == 90)
        #expect((status["undelivered_alerts"] as? [String: Int]) == ["mongodb": 3, "webhook-chat": 0])
        let sources = try #require(status["sources"] as? [[String: Any]])
        #expect(sources.map { $0["source"] as? String } == ["spot", "futures"])
        #expect(sources.first?["lag_seconds_p50"] as? Double == 0.25)
    }

    @Test func theDashboardShowsWhatPeopleLookFor() throws {
        let text = ServiceDashboard.text(try SampleReport().report)
        #expect(text.contains("tapedesk is degraded, since 1 min"))
        #expect(text.contains("  ! spot: the disk is full"))
        #expect(text.contains("alerts that wait: 3 for mongodb\n"))
        #expect(text.contains("no alerts"))
        #expect(text.components(separatedBy: "\n").filter { $0.hasPrefix("futures ") }.count == 1)
    }
}
