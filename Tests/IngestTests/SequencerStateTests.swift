import Feeds
import Ingest
import MarketData
import SimulatedStore
import Testing
import TickStore

/// A sequencer's result must not depend on how the tape was cut, who decoded it, or whether it was restored.
@Suite struct SequencerStateTests {
    /// Lines with everything that state is kept of.
    private static func tape(_ seed: UInt64) -> String {
        var generator = SplitMix64(seed: seed)
        var number: Int64 = 10
        var lines: [String] = []
        for index in Int64(0)..<40 {
            let choice = generator.nextIndex(below: 12)
            let symbol = ["A", "B", "C", "D"][generator.nextIndex(below: 4)]
            number += choice == 0 ? 3 : choice == 1 ? -4 : choice == 2 ? -40 : 1
            let price = choice == 3 ? "150" : "100.5"
            let late = choice == 4 ? 3_000 : Int64(0)
            switch choice {
            case 5: lines.append("{\"s\":")
            case 6: lines.append(Tapes.trade(symbol, time: index * 700, sequence: number, price: "0"))
            case 7: lines.append(Tapes.trade(symbol, time: index * 700, id: "id-\(index)", price: price))
            case 8: lines.append(Tapes.trade(symbol, stream: "i\(index % 2)", time: index * 700, id: "\(index / 3)"))
            default:
                let stream = "s\(generator.nextIndex(below: 2))"
                let time = index * 700 - late
                lines.append(Tapes.trade(symbol, stream: stream, time: time, sequence: number, price: price))
            }
        }
        return lines.joined(separator: "\n") + (generator.nextIndex(below: 2) == 0 ? "\n" : "")
    }

    @Test func restoringAtAnyBatchChangesNothing() throws {
        for seed: UInt64 in 1...60 {
            let slabs = try Tapes.slabs(Self.tape(seed), slabBytes: 200)
            let decoder = try Tapes.format().makeDecoder()
            let batches = slabs.map { decoder.decode($0) }
            #expect(batches.count > 5)
            // What follows each boundary, uninterrupted.
            for boundary in batches.indices {
                var whole = Sequencer(source: "test")
                for batch in batches[...boundary] { whole.apply(batch, decoder: 0) }
                let before = whole.cut()
                var restored = Sequencer(source: "test", place: before.place, counts: before.counts)
                try restored.restore(before.trackers)
                for batch in batches[(boundary + 1)...] {
                    whole.apply(batch, decoder: 0)
                    restored.apply(batch, decoder: 1)
                }
                let (expected, epoch) = (whole.cut(), restored.cut())
                #expect(epoch.summary == expected.summary, "seed \(seed), boundary \(boundary)")
                #expect(epoch.gaps == expected.gaps, "seed \(seed), boundary \(boundary)")
                #expect(epoch.place == expected.place && epoch.counts == expected.counts)
                #expect(epoch.trackers == expected.trackers, "seed \(seed), boundary \(boundary)")
                #expect(restored.openGaps == whole.openGaps)
            }
        }
    }

    @Test func cutsAndDecodersChangeNothing() throws {
        for seed: UInt64 in 1...60 {
            var generator = SplitMix64(seed: seed)
            let text = Self.tape(seed)
            let expected = try epochs(text, slabBytes: 1 << 20, decoderCount: 1) { false }
            for decoderCount in 1...3 {
                let slabBytes = 16 << generator.nextIndex(below: 6)
                let cut = try epochs(text, slabBytes: slabBytes, decoderCount: decoderCount) {
                    generator.nextIndex(below: 3) == 0
                }
                let events = cut.flatMap(\.summary).sorted()
                #expect(events == expected.flatMap(\.summary).sorted(), "seed \(seed)")
                #expect(cut.last?.counts == expected.last?.counts, "seed \(seed)")
                #expect(cut.last?.place == expected.last?.place, "seed \(seed)")
                #expect(cut.last?.trackers == expected.last?.trackers, "seed \(seed)")
                let gaps = cut.flatMap(\.gaps)
                for gap in expected.flatMap(\.gaps) {
                    let last = gaps.last {
                        ($0.stream, $0.numbering, $0.after) == (gap.stream, gap.numbering, gap.after)
                    }
                    #expect(last == gap, "seed \(seed)")
                }
            }
        }
    }

    @Test func positionsAscendWithinEveryBucket() throws {
        for seed: UInt64 in 1...30 {
            for epoch in try epochs(Self.tape(seed), slabBytes: 64, decoderCount: 2, cutting: { false }) {
                for bucket in epoch.buckets {
                    let positions = bucket.events.map(\.position)
                    #expect(zip(positions, positions.dropFirst()).allSatisfy { $0 < $1 })
                }
            }
        }
    }

    @Test func aStateOfAnotherVersionIsRefused() throws {
        let state = try Tapes.epoch([Tapes.trade(time: 0)]).trackers
        var other = state
        other[0] &+= 1
        var sequencer = Sequencer(source: "test")
        #expect(throws: (any Error).self) { try sequencer.restore(other) }
        #expect(throws: (any Error).self) { try sequencer.restore(state + [0]) }
        #expect(throws: (any Error).self) { try sequencer.restore([]) }
        try sequencer.restore(state)
        #expect(sequencer.cut().trackers == state)
    }

    private func epochs(
        _ text: String,
        slabBytes: Int,
        decoderCount: Int,
        cutting: () -> Bool
    ) throws -> [Epoch] {
        var sequencer = Sequencer(source: "test")
        let format = try Tapes.format()
        let decoders = (0..<decoderCount).map { _ in format.makeDecoder() }
        var epochs: [Epoch] = []
        for (number, slab) in try Tapes.slabs(text, slabBytes: slabBytes).enumerated() {
            let decoder = number % decoderCount
            sequencer.apply(decoders[decoder].decode(slab), decoder: decoder)
            if cutting() { epochs.append(sequencer.cut()) }
        }
        return epochs + [sequencer.cut()]
    }
}
