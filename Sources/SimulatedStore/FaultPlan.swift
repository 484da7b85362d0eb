/// How often what goes wrong.
///
/// Everything is a probability from 0 to 1, and 0 unless it is set.
public struct FaultPlan: Equatable, Sendable {
    /// The request never arrives: nothing changes, and the outcome is unknown.
    public var lostRequest = 0.0
    /// The change is made, and its answer never arrives: the outcome is unknown.
    public var lostReply = 0.0
    /// The request arrives at some later operation, long after its outcome was answered as unknown.
    public var lateApply = 0.0
    /// No server can be written to: nothing changes, for a passing reason.
    public var unavailable = 0.0
    /// The change is made, and the majority's confirmation does not come.
    public var writeConcernError = 0.0
    /// The change is made, the majority's confirmation does not come, and a failover undoes it before anybody saw it.
    public var rolledBack = 0.0
    /// Several changes of one bulk are in doubt: some made, some not, some arriving late.
    public var bulkInDoubt = 0.0
    /// A find, a count or a question for the time fails for a passing reason.
    public var readUnavailable = 0.0
    /// An operation takes up to `slowMax` of time, on top of other faults.
    public var slow = 0.0
    public var slowMax: Duration = .seconds(2)
    /// How many operations later a late request arrives at most.
    public var lateOperationsMax = 12

    public init() {}

    /// Every kind of fault with the same probability, as far as they exclude each other at most 1/6.
    ///
    /// Nothing is rolled back: say so with `rolledBack` beside it.
    public static func all(_ probability: Double) -> FaultPlan {
        var plan = FaultPlan()
        plan.lostRequest = probability
        plan.lostReply = probability
        plan.lateApply = probability
        plan.unavailable = probability
        plan.writeConcernError = probability
        plan.bulkInDoubt = probability
        plan.readUnavailable = probability
        plan.slow = probability
        plan.validate()
        return plan
    }

    func validate() {
        let all = [
            lostRequest, lostReply, lateApply, unavailable, writeConcernError, rolledBack, bulkInDoubt,
            readUnavailable, slow,
        ]
        precondition(all.allSatisfy { (0...1).contains($0) }, "a probability is from 0 to 1")
        let exclusive =
            lostRequest + lostReply + lateApply + unavailable + writeConcernError + rolledBack + bulkInDoubt
        precondition(exclusive <= 1 + 1e-9, "faults that exclude each other have probabilities of 1 together")
        precondition(slowMax >= .zero && lateOperationsMax > 0, "slow and late have an amount")
    }

    /// The fault that `unit`, a number from 0 up to 1, stands for.
    func attemptFault(at unit: Double, isBulk: Bool) -> AttemptFault {
        var rest = unit
        let choices: [(Double, AttemptFault)] = [
            (lostRequest, .lostRequest), (lostReply, .lostReply), (lateApply, .lateApply),
            (unavailable, .unavailable), (writeConcernError, .writeConcernError),
            (rolledBack, .rolledBack),
            (isBulk ? bulkInDoubt : 0, .bulkInDoubt),
        ]
        for (probability, fault) in choices {
            if rest < probability { return fault }
            rest -= probability
        }
        return .none
    }
}

/// What goes wrong with one attempt at changes, single, bulk or together; `FaultPlan` describes each.
public enum AttemptFault: Equatable, Sendable {
    case none, lostRequest, lostReply, lateApply, unavailable, writeConcernError, rolledBack, bulkInDoubt
}

/// What goes wrong with one find, count or question for the time.
public enum ReadFault: Equatable, Sendable {
    case none, unavailable
}
