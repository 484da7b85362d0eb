import ArgumentParser
import NIOCore

/// A duration of an option: 500ms, 30s, 10m, 2h or 1d.
struct VenueDuration: ExpressibleByArgument {
    let amount: TimeAmount

    private static let units: [(name: String, amount: TimeAmount)] = [
        ("ms", .milliseconds(1)), ("s", .seconds(1)), ("m", .minutes(1)), ("h", .hours(1)), ("d", .hours(24)),
    ]
    private static let countMax: Int64 = 1_000_000

    init(amount: TimeAmount) {
        self.amount = amount
    }

    init?(argument: String) {
        let digits = argument.prefix { $0.isASCII && $0.isNumber }
        let name = argument.dropFirst(digits.count)
        guard let count = Int64(digits), (1...Self.countMax).contains(count),
            let unit = Self.units.first(where: { $0.name == name })
        else { return nil }
        let (nanoseconds, isTooLong) = unit.amount.nanoseconds.multipliedReportingOverflow(by: count)
        guard !isTooLong else { return nil }
        amount = .nanoseconds(nanoseconds)
    }

    var defaultValueDescription: String { "\(amount.nanoseconds / 1_000_000_000)s" }
}
