import BSON
import DocumentStore
import Leases
import Service
import SimulatedStore
import Synchronization

/// Several daemons share a source while they are paused and killed, their clocks drift, the network loses what it can,
/// and failovers bring servers whose clocks are off; all decided by one seed.
final class LeaseSimulation: Sendable {
    /// What a run came to.
    struct Result: Equatable, Sendable {
        var problems: [String] = []
        var terms = 0
        var sent = 0
        var stored = 0
        /// Recorded when another instance had the lease, and left out for that.
        var refused = 0
    }

    /// How much the clock of a server may be off.
    static let skewMax: Duration = .milliseconds(400)

    private static let instances = ["one", "two", "three"]
    private static let collection = SimulatedSource.stored

    private let store: SimulatedStore
    private let venue = SimulatedVenue()
    private let timing = LeaseTiming(length: .seconds(8))
    private let generator: Mutex<SplitMix64>
    private let running = Mutex<[String: SimulatedProcess]>([:])
    private let terms = Mutex<[Int64: Int64]>([:])
    private let problems = Mutex<Set<String>>([])
    private let skew = Mutex(Duration.zero)

    init(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        store = SimulatedStore(
            seed: generator.next(),
            faults: .all(generator.nextUnit() * 0.05),
            clock: SimulatedClock(seed: generator.next())
        )
        self.generator = Mutex(generator)
    }

    /// Runs to the end.
    func run() throws -> Result {
        let scheduler = SimulatedScheduler(seed: generator.withLock { $0.next() })
        for instance in Self.instances { try start(instance, on: scheduler) }
        scheduler.start { await self.play(on: scheduler) }
        scheduler.run()
        // They know the simulation, which would else never go away with all that was stored.
        running.withLock { $0 = [:] }
        return judge()
    }

    private func start(_ instance: String, on scheduler: SimulatedScheduler) throws {
        let (drift, pauses, seed) = generator.withLock {
            (($0.nextUnit() - 0.5) * 0.002, $0.nextUnit() * 0.01, $0.next())
        }
        let process = try SimulatedProcess(
            instance,
            store,
            venue,
            timing,
            drift: drift,
            pauses: pauses,
            skew: { self.skew.withLock { $0 } },
            seed: seed
        )
        running.withLock { $0[instance] = process }
        process.start(on: scheduler)
    }

    /// Sends events, kills daemons and starts them again, and lets everything come to rest in the end.
    private func play(on scheduler: SimulatedScheduler) async {
        for step in 0..<400 {
            try? await store.clock.sleep(.milliseconds(150))
            venue.send()
            look()
            let choice = generator.withLock { $0.nextIndex(below: 100) }
            if choice > 97 { failOver() }
            guard choice < Self.instances.count, step < 350 else { continue }
            let instance = Self.instances[choice]
            let process = running.withLock { $0[instance] }
            if generator.withLock({ $0.nextIndex(below: 3) }) == 0 { process?.end() } else { process?.kill() }
            for _ in 0..<100 where process?.isGone == false { try? await store.clock.sleep(.milliseconds(100)) }
            // As systemd does with what does not end.
            process?.kill()
            for _ in 0..<20 { await Task.yield() }
            try? start(instance, on: scheduler)
        }
        store.faults = FaultPlan()
        let processes = running.withLock { Array($0.values) }
        for process in processes { process.calm() }
        for _ in 0..<600 {
            try? await store.clock.sleep(.milliseconds(150))
            look()
        }
        for process in processes { process.end() }
    }

    /// Another server answers from now on.
    private func failOver() {
        let part = generator.withLock { $0.nextUnit() } * 2 - 1
        skew.withLock { $0 = Self.skewMax * part }
    }

    /// Remembers terms, which the lease forgets, and finds two who are sure at once.
    private func look() {
        for document in store.documents(in: LeasesCollection.name) {
            for case .document(let term) in document["terms"]?.array ?? [] {
                guard let epoch = term["epoch"]?.integer, let since = term["since"]?.integer else { continue }
                terms.withLock { $0[epoch] = since }
            }
        }
        let sure = running.withLock { $0.values.filter { $0.present.withLock { $0?.isSure ?? false } }.map(\.instance) }
        if sure.count > 1 { problems.withLock { _ = $0.insert("\(sure.sorted()) are sure at once") } }
    }

    /// What is on tapes is stored if it was received in its epoch's time, and nothing else is.
    private func judge() -> Result {
        var result = Result(problems: problems.withLock { $0.sorted() }, sent: venue.sentCount)
        let terms = self.terms.withLock { $0 }
        result.terms = terms.count
        let stored = Set(store.documents(in: Self.collection).compactMap { $0[DocumentField.id]?.string })
        var events: [Int: Int] = [:]
        for (tape, records) in venue.tapes.sorted(by: { $0.key < $1.key }) {
            let end = terms.filter { $0.key > tape.epoch }.min { $0.key < $1.key }?.value
            for record in records {
                let distance = end.map { record.receivedAt.milliseconds + SimulatedStore.timeAtStart - $0 } ?? .min
                let isOurs = distance < 0
                let isStored = stored.contains("\(tape.instance)/\(tape.epoch)/\(record.event)")
                if isStored { events[record.event, default: 0] += 1 }
                if !isOurs { result.refused += 1 }
                // Close to the end it is the clocks that decide.
                if isStored != isOurs, abs(max(distance, -.max)) > Self.skewMax.milliseconds {
                    result.problems.append(
                        "event \(record.event) of \(tape.instance)/\(tape.epoch), received at \(record.receivedAt), is "
                            + (isStored ? "stored, though another had the lease" : "lost")
                    )
                }
            }
        }
        for (event, count) in events.sorted(by: { $0.key < $1.key }) where count > 1 {
            result.problems.append("event \(event) is stored \(count) times")
        }
        result.stored = events.count
        let shared = store.documents(in: SimulatedSource.shared.collection).first?["epochs"]?.array ?? []
        let epochs = shared.compactMap(\.integer)
        if epochs != epochs.sorted() { result.problems.append("an earlier lease wrote behind a later one: \(epochs)") }
        return result
    }
}
