import BSON
import TestSupport
import Testing

/// Histories made by hand: a checker that finds nothing wrong anywhere would be worth nothing.
@Suite struct LinearizabilityTests {
    private static func id(_ number: UInt64) -> ObjectID { ObjectID(high: 1, low: number) }

    private static func value(_ version: Int64, by number: UInt64) -> RegisterValue {
        RegisterValue(version: version, writer: id(number))
    }

    private static func operation(
        _ number: UInt64,
        _ action: RegisterOperation.Action,
        _ times: ClosedRange<Int>,
        _ outcome: RegisterOperation.Outcome
    ) -> RegisterOperation {
        RegisterOperation(
            id: id(number),
            action: action,
            outcome: outcome,
            invoked: times.lowerBound,
            responded: times.upperBound
        )
    }

    private static let create = operation(1, .create, 1...2, .applied(version: 1))

    private func isLinearizable(_ operations: RegisterOperation...) -> Bool {
        LinearizabilityChecker().judge(operations) == .linearizable
    }

    private typealias Tests = LinearizabilityTests

    @Test func oneAfterTheOtherIsLinearizable() {
        #expect(isLinearizable())
        #expect(
            isLinearizable(
                Tests.operation(9, .read, 0...0, .read(nil)),
                Tests.create,
                Tests.operation(2, .update(expectedVersion: 1), 3...4, .applied(version: 2)),
                Tests.operation(3, .read, 5...6, .read(Tests.value(2, by: 2))),
                Tests.operation(4, .update(expectedVersion: 1), 7...8, .conflict(Tests.value(2, by: 2))),
                Tests.operation(5, .delete(expectedVersion: 2), 9...10, .applied(version: 3)),
                Tests.operation(6, .update(expectedVersion: 2), 11...12, .notFound),
                Tests.operation(7, .create, 13...14, .applied(version: 1))
            )
        )
    }

    @Test func oneVersionIsNotMadeTwice() {
        #expect(
            !isLinearizable(
                Tests.create,
                Tests.operation(2, .update(expectedVersion: 1), 3...6, .applied(version: 2)),
                Tests.operation(3, .update(expectedVersion: 1), 4...5, .applied(version: 2))
            )
        )
        #expect(!isLinearizable(Tests.create, Tests.operation(2, .create, 1...2, .applied(version: 1))))
    }

    @Test func aLostUpdateIsFound() {
        let update = Tests.operation(2, .update(expectedVersion: 1), 3...4, .applied(version: 2))
        #expect(!isLinearizable(Tests.create, update, Tests.operation(3, .read, 5...6, .read(Tests.value(1, by: 1)))))
        // While it is under way, both may be read, but not the older after the newer.
        let under = Tests.operation(2, .update(expectedVersion: 1), 3...10, .applied(version: 2))
        let old = Tests.value(1, by: 1)
        let new = Tests.value(2, by: 2)
        let reads = { (first: RegisterValue, second: RegisterValue) in
            [Tests.operation(3, .read, 4...5, .read(first)), Tests.operation(4, .read, 6...7, .read(second))]
        }
        let checker = LinearizabilityChecker()
        #expect(checker.judge([Tests.create, under] + reads(old, new)) == .linearizable)
        #expect(checker.judge([Tests.create, under] + reads(new, old)) != .linearizable)
    }

    @Test func whatWasRefusedHasNoEffect() {
        let effect = Tests.operation(3, .read, 5...6, .read(Tests.value(2, by: 2)))
        for outcome in [RegisterOperation.Outcome.failed, .notFound, .conflict(Tests.value(1, by: 1))] {
            let refused = Tests.operation(2, .update(expectedVersion: 1), 3...4, outcome)
            #expect(!isLinearizable(Tests.create, refused, effect), "\(outcome)")
        }
        #expect(isLinearizable(Tests.create, Tests.operation(2, .update(expectedVersion: 1), 3...4, .failed)))
    }

    @Test func aConflictHasAReason() {
        let conflict = Tests.operation(2, .update(expectedVersion: 1), 3...4, .conflict(Tests.value(1, by: 1)))
        #expect(!isLinearizable(Tests.create, conflict))
        let stale = Tests.operation(3, .update(expectedVersion: 2), 3...4, .conflict(Tests.value(1, by: 1)))
        #expect(isLinearizable(Tests.create, stale))
        #expect(!isLinearizable(Tests.create, Tests.operation(2, .delete(expectedVersion: 1), 3...4, .notFound)))
    }

    @Test func whatIsUnknownTakesEffectLaterOrNever() {
        let unknown = Tests.operation(2, .update(expectedVersion: 1), 3...4, .unknown)
        let old = Tests.operation(3, .read, 5...6, .read(Tests.value(1, by: 1)))
        let new = Tests.operation(4, .read, 7...8, .read(Tests.value(2, by: 2)))
        let again = Tests.operation(5, .read, 9...10, .read(Tests.value(1, by: 1)))
        #expect(isLinearizable(Tests.create, unknown, old))
        #expect(isLinearizable(Tests.create, unknown, old, new))
        #expect(!isLinearizable(Tests.create, unknown, old, new, again), "it is not undone")
        let early = Tests.operation(6, .read, 2...2, .read(Tests.value(2, by: 2)))
        #expect(!isLinearizable(Tests.create, unknown, early), "nothing happens before it is asked for")
        let twice = Tests.operation(7, .read, 11...12, .read(Tests.value(3, by: 2)))
        #expect(!isLinearizable(Tests.create, unknown, twice), "it happens once")
    }

    @Test func anotherWriterOfTheSameVersionIsSeen() {
        let update = Tests.operation(2, .update(expectedVersion: 1), 3...4, .applied(version: 2))
        let read = Tests.operation(3, .read, 5...6, .read(Tests.value(2, by: 7)))
        #expect(!isLinearizable(Tests.create, update, read))
    }

    @Test func twoWhoDeleteTheSameVersionAreBothTold() {
        let first = Tests.operation(2, .delete(expectedVersion: 1), 3...6, .applied(version: 2))
        let second = Tests.operation(3, .delete(expectedVersion: 1), 4...5, .applied(version: 2))
        #expect(isLinearizable(Tests.create, first, second))
        let ahead = Tests.operation(4, .delete(expectedVersion: 2), 7...8, .applied(version: 3))
        #expect(!isLinearizable(Tests.create, first, ahead), "there never was a second version")
        let read = Tests.operation(5, .read, 7...8, .read(Tests.value(1, by: 1)))
        #expect(!isLinearizable(Tests.create, first, read))
    }

    @Test func whatIsToldOfAViolationNamesTheOperation() {
        let read = Tests.operation(3, .read, 5...6, .read(nil))
        guard case .violation(let text) = LinearizabilityChecker().judge([Tests.create, read]) else {
            Issue.record("a document that was created is there")
            return
        }
        #expect(text.contains("after 1 of 2 operations") && text.contains("read 3"), "\(text)")
    }

    @Test func manyAtOnceAreDecidedSoon() {
        // All of them overlap, and as many again are unknown: without its memory the search would not end.
        var operations = [Tests.create]
        for number: UInt64 in 1...30 {
            let version = Int64(number)
            let update = RegisterOperation.Action.update(expectedVersion: version)
            operations.append(Tests.operation(number + 1, update, 3...1_000, .applied(version: version + 1)))
            operations.append(Tests.operation(number + 100, update, 3...1_000, .unknown))
        }
        let checker = LinearizabilityChecker()
        #expect(checker.judge(operations) == .linearizable)
        var hasty = LinearizabilityChecker()
        hasty.configurationsMax = 10
        #expect(hasty.judge(operations) == .undecided)
    }
}
