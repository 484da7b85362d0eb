import MarketData

/// Hysteresis and cool-down of one rule and one subject.
///
/// A condition that begins during the cool-down is held back and counted. Where it still holds when the cool-down is
/// over, the alert is given then: something that lasts is never kept from anyone for good.
struct AlertGate: Sendable {
    /// What to do about a condition that holds.
    enum Verdict: Equatable {
        /// It is known already.
        case nothing
        /// It begins, and the last alert is too fresh.
        case heldBack
        /// An alert, and how many beginnings before this one were held back.
        ///
        /// A delayed one was counted as held back when it began, and no longer is.
        case alert(heldBack: Int, isDelayed: Bool)
    }

    private enum Phase: UInt8 {
        case armed
        case held
        case fired
    }

    /// At least a nanosecond: ids of alerts of the same rule and subject differ by their time.
    private let coolDown: Int64
    private var phase = Phase.armed
    private var lastAlert = Timestamp.absent
    private var heldBack = 0

    init(coolDown: Duration) {
        self.coolDown = max(1, coolDown.wholeNanoseconds)
    }

    /// Whether nothing holds that was told or held back.
    var isArmed: Bool { phase == .armed }

    /// The condition holds.
    @inline(__always)
    mutating func holds(at now: Timestamp) -> Verdict {
        if phase == .fired { return .nothing }
        return begins(at: now)
    }

    /// The condition does not hold any more, by as much as the hysteresis wants.
    @inline(__always)
    mutating func ends() { phase = .armed }

    /// Whether all that is known here may be forgotten: nothing holds, and an alert would not be held back.
    func isForgettable(at now: Timestamp) -> Bool { phase == .armed && !isCoolingDown(at: now) }

    private mutating func begins(at now: Timestamp) -> Verdict {
        let wasHeld = phase == .held
        if isCoolingDown(at: now) {
            phase = .held
            if wasHeld { return .nothing }
            heldBack += 1
            return .heldBack
        }
        phase = .fired
        lastAlert = now
        let before = wasHeld ? heldBack - 1 : heldBack
        heldBack = 0
        return .alert(heldBack: before, isDelayed: wasHeld)
    }

    /// A clock that was set back by more than the cool-down must not silence a rule, so the distance counts, not the
    /// direction.
    private func isCoolingDown(at now: Timestamp) -> Bool {
        guard !lastAlert.isAbsent else { return false }
        let (distance, overflow) = now.nanoseconds.subtractingReportingOverflow(lastAlert.nanoseconds)
        return !overflow && distance.magnitude < coolDown.magnitude
    }
}

extension Duration {
    /// The nanoseconds of a duration that was checked to be short; what is beyond them is left out.
    var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000
    }
}
