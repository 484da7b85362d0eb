private import Synchronization

/// Why a source does not get on at the moment: said once, counted while it lasts, and said when it is over.
///
/// Safe to use from any task.
final class SourceTrouble: Sendable {
    private let source: String
    private let environment: ServiceEnvironment
    private let state = Mutex(State())

    private struct State {
        var current: String?
        var log = TroubleLog()
    }

    init(of source: String, _ environment: ServiceEnvironment) {
        self.source = source
        self.environment = environment
    }

    /// Why; nil where all is well.
    var current: String? { state.withLock { $0.current } }

    /// Notes why the source does not get on, or that it does.
    func note(_ trouble: String?) {
        let lines = state.withLock { state in
            let isOver = trouble == nil && state.current != nil
            state.current = trouble
            return state.log.lines(for: trouble) + (isOver ? ["goes on as it should"] : [])
        }
        for line in lines { environment.log(line, trouble == nil ? .info : .warning, source: source) }
    }
}

/// Says of troubles that last what they are, once, and how often they came when they change.
package struct TroubleLog {
    private var last: String?
    private var repetitions = 0

    /// Nothing was said yet.
    package init() {}

    /// Says what is to be said now.
    package mutating func note(
        _ trouble: String?,
        _ level: LogLine.Level = .warning,
        in environment: ServiceEnvironment
    ) {
        for line in lines(for: trouble) { environment.log(line, level) }
    }

    /// The lines that are to be said now.
    mutating func lines(for trouble: String?) -> [String] {
        if trouble == last {
            if trouble != nil { repetitions += 1 }
            return []
        }
        var lines: [String] = []
        if let last, repetitions > 0 { lines.append("\(last) (\(repetitions) times more)") }
        last = trouble
        repetitions = 0
        if let trouble { lines.append(trouble) }
        return lines
    }
}
