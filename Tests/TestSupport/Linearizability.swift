public import BSON

/// A versioned document as its readers see it: one register.
public struct RegisterValue: Hashable, Sendable {
    public let version: Int64
    /// The operation that made this version.
    public let writer: ObjectID

    public init(version: Int64, writer: ObjectID) {
        self.version = version
        self.writer = writer
    }
}

/// One operation on one document, as the one who asked for it saw it.
///
/// Times are of one order for all operations of a history: `invoked` is before the request is sent, `responded` after
/// its answer came.
public struct RegisterOperation: Sendable, CustomStringConvertible {
    public enum Action: Equatable, Sendable {
        case create
        case update(expectedVersion: Int64)
        case delete(expectedVersion: Int64)
        case read
    }

    public enum Outcome: Equatable, Sendable {
        /// It took effect, and made this version.
        case applied(version: Int64)
        /// It did nothing, because it found this.
        case conflict(RegisterValue)
        /// It did nothing, because there is no document.
        case notFound
        /// It did nothing.
        case failed
        /// It took effect at any time after it was invoked, or never.
        case unknown
        /// What a read saw; nil where there was no document.
        case read(RegisterValue?)
    }

    public let id: ObjectID
    public let action: Action
    public let outcome: Outcome
    public let invoked: Int
    public let responded: Int

    public init(id: ObjectID, action: Action, outcome: Outcome, invoked: Int, responded: Int) {
        self.id = id
        self.action = action
        self.outcome = outcome
        self.invoked = invoked
        self.responded = responded
    }

    public var description: String { "\(action) \(id.low) from \(invoked) to \(responded): \(outcome)" }

    /// The version that it makes, nil where it leaves no document.
    private var resultingVersion: Int64? {
        switch action {
        case .create: 1
        case .update(let expected): expected + 1
        case .delete, .read: nil
        }
    }
}

extension RegisterOperation {
    /// What a document is between two operations.
    enum State: Hashable {
        case present(RegisterValue)
        /// There is none; the last one was deleted at this version, 0 where there never was one.
        case absent(lastVersion: Int64)
    }

    /// The state after the operation, where it can have its outcome in this state; else nil.
    func step(_ state: State) -> State? {
        switch outcome {
        case .applied(let version): effect(on: state, isAcknowledged: true, version: version)
        case .unknown: effect(on: state, isAcknowledged: false, version: nil)
        case .failed: nil
        case .read(let value): state.value == value ? state : nil
        case .notFound: state.value == nil && action != .create ? state : nil
        case .conflict(let found): state.value == found && isRefused(on: found) ? state : nil
        }
    }

    private func effect(on state: State, isAcknowledged: Bool, version: Int64?) -> State? {
        if let version, let resultingVersion, version != resultingVersion { return nil }
        switch (action, state) {
        case (.create, .absent):
            return .present(RegisterValue(version: 1, writer: id))
        case (.update(let expected), .present(let value)) where value.version == expected:
            return .present(RegisterValue(version: expected + 1, writer: id))
        case (.delete(let expected), .present(let value)) where value.version == expected:
            return .absent(lastVersion: expected)
        // No document tells who deleted it: of two who meant the same version, both are told that it is gone.
        case (.delete(let expected), .absent(let last)) where isAcknowledged && last >= expected:
            return state
        default:
            return nil
        }
    }

    private func isRefused(on found: RegisterValue) -> Bool {
        switch action {
        case .create: true
        case .update(let expected), .delete(let expected): found.version != expected
        case .read: false
        }
    }

    /// Whether it certainly left everything as it was.
    var changesNothing: Bool {
        switch outcome {
        case .applied, .unknown: false
        case .conflict, .notFound, .failed, .read: true
        }
    }
}

extension RegisterOperation.State {
    var value: RegisterValue? { if case .present(let value) = self { value } else { nil } }
}

/// Says whether a history of operations on one document is linearizable: whether each of them can have happened at one
/// moment between its invocation and its response, so that all answers are right.
///
/// The search is that of Wing and Gong (1993), with the memory of Lowe (2017): a set of operations that was tried
/// before and left the same state is not tried again. Documents are independent, so each has a history of its own.
public struct LinearizabilityChecker: Sendable {
    /// Bound on the number of configurations that are looked at; a history that needs more is not decided.
    public var configurationsMax = 5_000_000

    public init() {}

    public enum Verdict: Equatable, Sendable {
        case linearizable
        /// No order explains the answers; in words, how far the longest one came.
        case violation(String)
        /// The bound was reached.
        case undecided
    }

    /// Judges the operations of one document, in any order.
    public func judge(_ history: [RegisterOperation]) -> Verdict {
        // What certainly did nothing may have happened at any time.
        var search = Search(history.filter { $0.outcome != .failed }.sorted { $0.invoked < $1.invoked })
        return search.run(configurationsMax: configurationsMax)
    }
}

/// A search in depth for an order of operations.
private struct Search {
    private struct Configuration: Hashable {
        /// A bit for each operation that is in the order.
        var done: [UInt64]
        var state: RegisterOperation.State
    }

    private let operations: [RegisterOperation]
    private let requiredCount: Int
    private var seen: Set<Configuration> = []
    private var longest: (count: Int, configuration: Configuration)

    init(_ operations: [RegisterOperation]) {
        self.operations = operations
        requiredCount = operations.count { $0.outcome != .unknown }
        let words = (operations.count + 63) / 64
        let start = Configuration(done: Array(repeating: 0, count: words), state: .absent(lastVersion: 0))
        longest = (0, start)
    }

    mutating func run(configurationsMax: Int) -> LinearizabilityChecker.Verdict {
        var open = [longest.configuration]
        while let configuration = open.popLast() {
            let count = requiredDone(configuration)
            if count == requiredCount { return .linearizable }
            if count > longest.count { longest = (count, configuration) }
            for next in successors(of: configuration) where seen.insert(next).inserted { open.append(next) }
            if seen.count > configurationsMax { return .undecided }
        }
        return .violation(description)
    }

    private func isDone(_ index: Int, _ configuration: Configuration) -> Bool {
        configuration.done[index / 64] & (1 << UInt64(index % 64)) != 0
    }

    private func requiredDone(_ configuration: Configuration) -> Int {
        operations.indices.count { operations[$0].outcome != .unknown && isDone($0, configuration) }
    }

    /// The operations of which any may be next: none that is left responded before they were invoked.
    private func candidates(_ configuration: Configuration) -> [Int] {
        var candidates: [Int] = []
        var firstResponse = Int.max
        for (index, operation) in operations.enumerated() where !isDone(index, configuration) {
            guard operation.invoked < firstResponse else { break }
            candidates.append(index)
            // One whose outcome is unknown holds nobody up: it may come last, or never.
            if operation.outcome != .unknown { firstResponse = min(firstResponse, operation.responded) }
        }
        return candidates
    }

    /// The last one is tried first.
    private func successors(of configuration: Configuration) -> [Configuration] {
        var certain: [Configuration] = []
        var doubtful: [Configuration] = []
        for index in candidates(configuration) {
            let operation = operations[index]
            guard let state = operation.step(configuration.state) else { continue }
            var next = configuration
            next.done[index / 64] |= 1 << UInt64(index % 64)
            next.state = state
            // What changes nothing and is right now can as well be now: nothing else is shut out by it.
            if operation.changesNothing { return [next] }
            if operation.outcome == .unknown { doubtful.append(next) } else { certain.append(next) }
        }
        return doubtful + certain
    }

    private var description: String {
        let (count, configuration) = longest
        let stuck = candidates(configuration).map { operations[$0].description }
        return "after \(count) of \(requiredCount) operations the document is \(configuration.state), and none of these"
            + " can be next: \(stuck.joined(separator: "; "))"
    }
}
