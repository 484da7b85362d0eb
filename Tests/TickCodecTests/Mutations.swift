import CChecksum
import MarketData
import SimulatedStore

@testable import TickCodec

/// Damaged blocks, most of them with a checksum that says they are sound, so that the columns are read.
struct Mutations {
    private var generator: SplitMix64
    private let blocks: [[UInt8]]
    private let headerBytes: Int

    init(seed: UInt64, sealed: Bool = false) {
        generator = SplitMix64(seed: seed)
        var blocks: [[UInt8]] = []
        for kind in EventKind.allCases {
            for blockSeed in UInt64(0)..<40 {
                var random = RandomEvents(seed: blockSeed)
                // Bins of sealed blocks pay from some hundred events on.
                let list = random.make(kind, count: [1, 2, 5, 9, 17, sealed ? 400 : 140][Int(blockSeed % 6)])
                blocks += (sealed ? list.inOrderOfTime : list).blocks(sealed: sealed).map(\.bytes)
            }
        }
        self.blocks = blocks
        headerBytes = sealed ? 24 : 44
    }

    mutating func next() -> [UInt8] {
        var block = blocks[generator.nextIndex(below: blocks.count)]
        for _ in 0...generator.nextIndex(below: 3) { mutate(&block) }
        if generator.nextIndex(below: 8) > 0 { Self.seal(&block) }
        return block
    }

    private mutating func mutate(_ block: inout [UInt8]) {
        guard block.count > 4 else { return }
        // Most damage is done behind the header, where there is more to get wrong.
        let start = block.count > 60 && generator.nextIndex(below: 4) > 0 ? headerBytes : 0
        let place = start + generator.nextIndex(below: block.count - start)
        switch generator.nextIndex(below: 8) {
        case 0: block[place] ^= 1 << UInt8(generator.nextIndex(below: 8))
        case 1: block[place] = UInt8(truncatingIfNeeded: generator.next())
        case 2: block[place] = [0, 1, 0x7F, 0x80, 0xFF, 64, 65, 5][generator.nextIndex(below: 8)]
        case 3: block.removeSubrange(place...)
        case 4: block.insert(UInt8(truncatingIfNeeded: generator.next()), at: place)
        case 5: block.remove(at: place)
        case 6:
            let end = min(place + 1 + generator.nextIndex(below: 12), block.count)
            block.insert(contentsOf: block[place..<end], at: place)
        default:
            let other = blocks[generator.nextIndex(below: blocks.count)]
            block.replaceSubrange(place..., with: other[min(place, other.count)...])
        }
    }

    /// Makes the last four bytes the checksum of those before.
    static func seal(_ block: inout [UInt8]) {
        guard block.count >= 4 else { return }
        let content = block.count - 4
        let checksum = block.withUnsafeBytes { tapedesk_crc32c(0, $0.baseAddress, content) }
        for index in 0..<4 { block[content + index] = UInt8(truncatingIfNeeded: checksum >> (8 * UInt32(index))) }
    }
}
