public import BSON
private import Synchronization

/// Gives out operation ids that no other process gives out.
///
/// The process part must come from a source of true randomness; the rest is a counter. Safe to use from any task.
public final class OperationIDs: Sendable {
    private let process: UInt32
    private let next: Atomic<UInt64>

    /// `process` and `start` are random bits that the executable draws once.
    public init(process: UInt32, start: UInt64) {
        self.process = process
        next = Atomic(start)
    }

    public func make() -> ObjectID {
        ObjectID(high: process, low: next.wrappingAdd(1, ordering: .relaxed).newValue)
    }
}
