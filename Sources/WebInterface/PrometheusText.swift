import Service

/// Metrics in the text format that Prometheus reads.
///
/// Source: Prometheus, "Exposition formats", text-based format, version 0.0.4.
struct PrometheusText {
    /// What a family of metrics is.
    enum Kind: String {
        case counter
        case gauge
        case histogram
        case summary
    }

    typealias Labels = KeyValuePairs<String, String>

    private(set) var bytes: [UInt8] = []

    /// Begins a family.
    ///
    /// - Parameters:
    ///   - name: lower snake case; of counters with `_total` at the end.
    ///   - help: one sentence without the full stop.
    mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        append("# HELP \(name) \(help).\n# TYPE \(name) \(kind.rawValue)\n")
    }

    /// Adds a sample of the family.
    mutating func sample(_ name: String, _ value: Int) { sample(name, [:], value) }

    /// Adds a sample of the family.
    mutating func sample(_ name: String, _ value: Double) { sample(name, [:], value) }

    /// Adds a sample of the family.
    mutating func sample(_ name: String, _ labels: Labels, _ value: Int) {
        append(name, labels, String(value))
    }

    /// Adds a sample of the family.
    mutating func sample(_ name: String, _ labels: Labels, _ value: Double) {
        append(name, labels, value.isFinite ? String(value) : value.isNaN ? "NaN" : value > 0 ? "+Inf" : "-Inf")
    }

    /// Adds the samples of a histogram.
    mutating func histogram(_ name: String, _ labels: Labels, _ histogram: Histogram) {
        var count = 0
        for (bound, more) in zip(histogram.bounds.map { String($0) } + ["+Inf"], histogram.counts) {
            count += more
            let all = labels.map { ($0.key, $0.value) } + [("le", bound)]
            append(name + "_bucket", all, String(count))
        }
        let all = labels.map { ($0.key, $0.value) }
        append(name + "_sum", all, String(histogram.sum))
        append(name + "_count", all, String(count))
    }

    private mutating func append(_ name: String, _ labels: Labels, _ value: String) {
        append(name, labels.map { ($0.key, $0.value) }, value)
    }

    private mutating func append(_ name: String, _ labels: [(key: String, value: String)], _ value: String) {
        append(name)
        if !labels.isEmpty {
            append("{")
            append(labels.map { "\($0.key)=\"\(Self.escaped($0.value))\"" }.joined(separator: ","))
            append("}")
        }
        append(" \(value)\n")
    }

    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private static func escaped(_ text: String) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped.append(contentsOf: "\\\\".unicodeScalars)
            case "\"": escaped.append(contentsOf: "\\\"".unicodeScalars)
            case "\n": escaped.append(contentsOf: "\\n".unicodeScalars)
            default: escaped.append(scalar)
            }
        }
        return String(escaped)
    }
}
