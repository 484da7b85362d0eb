/// The lengths of bars that are made from trades.
///
/// The raw values are seconds. Each is a multiple of those before it, so that bars merge into longer ones.
public enum CandleInterval: Int64, CaseIterable, Sendable {
    case second = 1
    case minute = 60
    case fiveMinutes = 300
    case hour = 3_600
    case day = 86_400

    /// The name in documents and on command lines.
    public var name: String {
        switch self {
        case .second: "1s"
        case .minute: "1m"
        case .fiveMinutes: "5m"
        case .hour: "1h"
        case .day: "1d"
        }
    }

    public init?(name: String) {
        guard let interval = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = interval
    }

    public var nanoseconds: Int64 { rawValue * 1_000_000_000 }

    /// The end of the bar that starts there, exclusive; the last time that there is where that is beyond it.
    public func end(of start: Int64) -> Int64 {
        let (end, overflow) = start.addingReportingOverflow(nanoseconds)
        return overflow ? .max : end
    }

    /// The start of the bar that a time falls into: a multiple of the length since 1970, in nanoseconds.
    @inline(__always)
    public func start(of nanoseconds: Int64) -> Int64 {
        let offset = nanoseconds % self.nanoseconds
        return nanoseconds &- (offset < 0 ? offset &+ self.nanoseconds : offset)
    }
}
