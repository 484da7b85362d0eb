import Console
import JSONOutput

/// Figures of a load, as text or as JSON.
struct LoadReport {
    struct Figure {
        let name: String
        let value: Double
        let unit: String
    }

    private(set) var figures: [Figure] = []
    var findings = Findings()

    mutating func add(_ name: String, _ value: some BinaryInteger, _ unit: String) {
        figures.append(Figure(name: name, value: Double(value), unit: unit))
    }

    mutating func add(_ name: String, _ value: Double, _ unit: String) {
        figures.append(Figure(name: name, value: value, unit: unit))
    }

    /// Median, 99th percentile and longest of the latencies.
    mutating func add(latencies: [Duration]) {
        let sorted = latencies.sorted()
        guard let longest = sorted.last else { return }
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            let index = min(Int(Double(sorted.count) * share), sorted.count - 1)
            add("\(name) of a save", sorted[index] / .milliseconds(1), "ms")
        }
        add("longest save", longest / .milliseconds(1), "ms")
    }

    /// The figures, a line each.
    var table: String {
        let width = figures.map(\.name.count).max() ?? 0
        let lines = figures.map { figure in
            let digits = figure.value == figure.value.rounded() ? 0 : figure.value < 10 ? 2 : 1
            let value = digits == 0 ? Int(figure.value).grouped : figure.value.fixed(digits)
            return "\(figure.name.padded(to: width))  \(value) \(figure.unit)"
        }
        return lines.joined(separator: "\n")
    }

    /// The figures, and what the check says.
    var text: String {
        let verdict = findings.count == 0 ? "Checked: nothing is wrong." : "\(findings.count.grouped) problems:"
        return ([table, verdict] + findings.listed.map { "  \($0)" }).joined(separator: "\n")
    }

    var json: JSONText {
        .object([
            (
                "figures",
                .array(
                    figures.map {
                        .object([("name", .string($0.name)), ("value", .number($0.value)), ("unit", .string($0.unit))])
                    }
                )
            ),
            ("problems", .integer(findings.count)),
            ("findings", .array(findings.listed.map { .string($0) })),
        ])
    }
}
