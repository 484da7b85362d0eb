/// How many of everything went into a file.
struct FaultCounts {
    /// Lines written, whatever is in them.
    var records = 0
    /// Sequence numbers left out by all gaps together.
    var missing = 0
    private var byFault: [Fault: Int] = [:]

    mutating func add(_ fault: Fault) {
        byFault[fault, default: 0] += 1
    }

    func count(of fault: Fault) -> Int {
        byFault[fault, default: 0]
    }
}

/// The description of a sample that is written beside it, for people and for tests.
struct Manifest {
    let events: Int
    let seed: UInt64
    let rate: Int
    let bytes: Int64
    let counts: FaultCounts
    let instruments: [Instrument]

    /// The manifest as JSON text.
    var json: String {
        let rejected: [(String, Int)] = [
            ("price_not_positive", counts.count(of: .zeroPrice)),
            ("size_negative", counts.count(of: .negativeSize)),
            ("missing_field", counts.count(of: .missingTime)),
            ("malformed", counts.count(of: .malformed)),
        ]
        let total = rejected.reduce(0) { $0 + $1.1 }
        let rules = rejected.map { #""\#($0.0)": \#($0.1)"# }.joined(separator: ", ")
        return """
            {
              "seed": \(seed),
              "rate": \(rate),
              "bytes": \(bytes),
              "records": \(counts.records),
              "events": \(events),
              "duplicates": \(counts.count(of: .duplicate)),
              "gaps": \(counts.count(of: .gap)),
              "missing": \(counts.missing),
              "late": \(counts.count(of: .late)),
              "rejected_total": \(total),
              "rejected": {\(rules)},
              "instruments": [
            \(instruments.map(describe).joined(separator: ",\n"))
              ]
            }

            """
    }

    private func describe(_ instrument: Instrument) -> String {
        let price = decimal(instrument.newestPrice, decimals: instrument.priceDecimals, scale: instrument.priceScale)
        return #"    {"symbol": "\#(instrument.symbol)", "events": \#(instrument.events), "last_price": "\#(price)"}"#
    }

    private func decimal(_ mantissa: Int64, decimals: Int, scale: UInt64) -> String {
        let whole = mantissa.magnitude / scale
        let fraction = String(mantissa.magnitude % scale)
        let zeros = String(repeating: "0", count: max(0, decimals - fraction.utf8.count))
        return decimals == 0 ? "\(whole)" : "\(whole).\(zeros)\(fraction)"
    }
}
