import Feeds
import Ingest
import Testing

/// What `--limit` and restarts mean for the reader.
@Suite struct SlabLimitTests {
    private static let text = "\n{\"s\":\"A\"}\n\n{\"s\":\"B\"}\r\n\n{\"s\":\"C\"}\n{\"s\":\"D\"}"

    /// The records of all slabs, where the reader stood at the end, and whether the limit ended it.
    private func read(_ limit: Int?, perSlab: Int? = nil, slabBytes: Int) throws -> (Int, Int64, Bool) {
        let source = MemorySource(Array(Self.text.utf8), stepMax: 7)
        let reader = SlabReader(
            source,
            format: try Tapes.format(),
            recordLimit: limit,
            recordsPerSlab: perSlab,
            slabBytes: slabBytes
        )
        let decoder = try Tapes.format().makeDecoder()
        var (records, end) = (0, Int64(0))
        while let slab = try reader.next() {
            let batch = decoder.decode(slab)
            if let perSlab { #expect(batch.records <= perSlab) }
            #expect(slab.offsets.lowerBound == end)
            records += batch.records
            end = slab.offsets.upperBound
        }
        return (records, end, reader.endedByLimit)
    }

    @Test(arguments: [1, 8, 16, 64, 4096])
    func limitsCountRecordsNotLines(slabBytes: Int) throws {
        let ends: [Int64] = [0, 11, 23, 34]
        for (limit, end) in ends.enumerated() {
            #expect(try read(limit, slabBytes: slabBytes) == (limit, end, true))
        }
        #expect(try read(5, slabBytes: slabBytes) == (4, Int64(Self.text.utf8.count), false))
        #expect(try read(nil, slabBytes: slabBytes) == (4, Int64(Self.text.utf8.count), false))
        #expect(try read(nil, perSlab: 1, slabBytes: slabBytes) == (4, Int64(Self.text.utf8.count), false))
    }
}
