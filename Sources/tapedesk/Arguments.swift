public import ArgumentParser
public import Feeds
public import MarketData
import Settings

// Values of the domain as they are written on a command line.

extension Instrument: ExpressibleByArgument {
    public init?(argument: String) {
        self.init(parsing: argument)
    }
}

extension EventKind: ExpressibleByArgument {
    /// Names, not the raw values that blocks store.
    public static var allValueStrings: [String] { allCases.map(\.name) }

    public init?(argument: String) {
        self.init(name: argument)
    }
}

extension CandleInterval: ExpressibleByArgument {
    public static var allValueStrings: [String] { allCases.map(\.name) }

    public init?(argument: String) {
        self.init(name: argument)
    }
}

extension Timestamp: ExpressibleByArgument {
    public init?(argument: String) {
        self.init(parsing: argument)
    }
}

extension FormatName: ExpressibleByArgument {}

/// A duration as an argument.
struct DurationArgument: ExpressibleByArgument {
    let duration: Duration

    init(duration: Duration) {
        self.duration = duration
    }

    init?(argument: String) {
        guard let duration = try? DurationText.parse(argument) else { return nil }
        self.duration = duration
    }

    var defaultValueDescription: String { DurationText.format(duration) }
}
