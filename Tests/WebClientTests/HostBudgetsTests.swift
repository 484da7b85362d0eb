import Testing
import WebClient

@Suite struct HostBudgetsTests {
    static let start = RequestBudgetTests.midnight

    @Test func everyHostHasABudgetOfItsOwn() {
        var budgets = HostBudgets(usual: RequestBudget(capacity: 1, refill: 1))
        budgets.set(RequestBudget(capacity: 2, refill: 1), for: "Venue.example")
        #expect(budgets.costMax(for: "venue.EXAMPLE") == 2)
        #expect(budgets.take(2, for: "VENUE.example", at: Self.start) == nil)
        #expect(budgets.take(for: "venue.example", at: Self.start) == .seconds(1))
        #expect(budgets.take(for: "a.example", at: Self.start) == nil)
        #expect(budgets.take(for: "A.example", at: Self.start) == .seconds(1))
        #expect(budgets.take(for: "b.example", at: Self.start) == nil)
        #expect(budgets.count == 3)
    }

    @Test func oneHostObeysAndOthersGoOn() {
        var budgets = HostBudgets(usual: RequestBudget(capacity: 1, refill: 1))
        budgets.obey(.seconds(9), for: "a.example", at: Self.start)
        #expect(budgets.take(for: "a.example", at: Self.start) == .seconds(9))
        #expect(budgets.take(for: "b.example", at: Self.start) == nil)
    }

    @Test func aFullTableForgetsOnlyWhatIsAsGoodAsNew() {
        var budgets = HostBudgets(usual: RequestBudget(capacity: 1, refill: 1), hostsMax: 2)
        budgets.set(RequestBudget(capacity: 1, refill: 1), for: "kept.example")
        #expect(budgets.take(for: "a.example", at: Self.start) == nil)
        // Nothing can be forgotten yet: a host would get more than it may.
        #expect(budgets.take(for: "b.example", at: Self.start) == .seconds(1))
        #expect(budgets.take(for: "a.example", at: Self.start) == .seconds(1))
        #expect(budgets.take(for: "b.example", at: Self.start + .seconds(1)) == nil)
        #expect(budgets.count == 2)
        budgets.obey(.seconds(60), for: "b.example", at: Self.start + .seconds(1))
        #expect(budgets.take(for: "c.example", at: Self.start + .seconds(30)) == .seconds(1))
        #expect(budgets.take(for: "c.example", at: Self.start + .seconds(61)) == nil)
        #expect(budgets.take(for: "kept.example", at: Self.start) == nil)
    }

    @Test func aQuotaIsNotForgottenWithinItsDay() {
        var budgets = HostBudgets(usual: RequestBudget(capacity: 1, refill: 1, quotaPerDay: 1), hostsMax: 1)
        #expect(budgets.take(for: "a.example", at: Self.start) == nil)
        #expect(budgets.take(for: "b.example", at: Self.start + .seconds(3_600)) == .seconds(1))
        #expect(budgets.take(for: "b.example", at: Self.start + .seconds(86_400)) == nil)
    }

    @Test func aBudgetThatIsSetFindsRoom() {
        var budgets = HostBudgets(usual: RequestBudget(capacity: 1, refill: 1), hostsMax: 1)
        #expect(budgets.take(for: "a.example", at: Self.start) == nil)
        budgets.set(RequestBudget(capacity: 7, refill: 1), for: "b.example")
        #expect(budgets.count == 1)
        #expect(budgets.take(7, for: "b.example", at: Self.start) == nil)
    }
}
