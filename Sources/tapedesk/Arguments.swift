public import ArgumentParser
public import Feeds
public import MarketData

// Values of the domain as they are written on a command line.

extension Instrument: ExpressibleByArgument {
    public init?(argument: String) {
        self.init(parsing: argument)
    }
}

extension EventKind: ExpressibleByArgument {
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
