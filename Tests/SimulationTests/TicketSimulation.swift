import BSON
import DocumentStore
import Feeds
import Ingest
import MarketData
import Records
import SimulatedStore
import Synchronization
import Tickets

/// A tape of ticket events and a store, and programs that replay the one into the other while everything goes wrong.
final class TicketSimulation: Sendable {
    static let source = "sim"
    private static let attemptsMax = 60

    let store: SimulatedStore
    private let tape: TicketTape
    private let slabBytes: Int
    private let salts: Mutex<SplitMix64>
    private let processes = Mutex<UInt32>(0)

    init(_ tape: TicketTape, seed: UInt64, faults: FaultPlan = FaultPlan()) {
        self.tape = tape
        var random = SplitMix64(seed: seed)
        let clock = SimulatedClock(seed: random.next())
        store = SimulatedStore(
            seed: random.next(),
            faults: faults,
            clock: clock,
            prepared: TicketCollections.all + RecordCollections.all
        )
        slabBytes = 1 << (6 + random.nextIndex(below: 8))
        salts = Mutex(random)
    }

    private func nextProcess() -> UInt32 {
        processes.withLock { number in
            number += 1
            return number
        }
    }

    /// The desk of a program of its own; some have so little patience that they often never learn what became of a
    /// change.
    func desk(deadline: Duration = .seconds(8)) -> TicketDesk {
        TicketDesk(
            TicketDesk.Environment(
                store: store,
                policy: RetryPolicy(deadline: deadline),
                retry: store.clock.environment,
                operationIDs: OperationIDs(process: nextProcess(), start: 0),
                salt: {
                    self.salts.withLock { random in
                        (0..<TicketDesk.saltBytes).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                    }
                }
            )
        )
    }

    /// Replays the tape as a program of its own, to the end or to the error that ends it.
    @discardableResult
    func replay(
        startsOver: Bool = false,
        limit: Int? = nil,
        deadline: Duration = .seconds(8)
    ) async throws -> ReplayReport {
        let writer = VersionedWriter(
            store: store,
            policy: RetryPolicy(deadline: deadline),
            environment: store.clock.environment
        )
        var options = TicketReplay.Options(source: Self.source, tape: "tape")
        options.startsOver = startsOver
        options.slabBytes = slabBytes
        let replay = TicketReplay(
            options,
            format: TicketEventsFormat(),
            target: TicketReplay.Target(
                desk: desk(deadline: deadline),
                writer: writer,
                operationIDs: OperationIDs(process: nextProcess(), start: 0)
            )
        )
        let input = try TapeInput(stream: MemorySource(tape.bytes), path: "tape", name: "tape")
        return try await replay.run(input, recordLimit: limit)
    }

    /// Replays until a run ends well.
    func finish() async throws {
        store.revive()
        for _ in 0..<Self.attemptsMax {
            do {
                try await replay()
                return
            } catch let error as StoreError where error.code == .unavailable {
                continue
            }
        }
        throw StoreError(.unavailable, "the tape was not applied in \(Self.attemptsMax) runs")
    }

    /// Lets what is under way arrive, and ends all faults.
    func calmDown() {
        store.deliverLateChanges()
        store.faults = FaultPlan()
    }

    /// What a verification finds, and what no history of changes may hold.
    func problems() async throws -> [String] {
        let verified = try await TicketVerifier(desk()).verify()
        let counters = store.documents(in: CountersCollection.name)
        return verified.findings.map { "ticket \($0.ticket), event \($0.sequence ?? 0): \($0.problem)" }
            + HistoryChecker.violations(of: store.history)
            + (counters.isEmpty ? [] : ["an import gave out numbers"])
    }
}
