import MarketData
import SimulatedStore
import Testing

@testable import TickCodec

/// Any bytes that say they are a sealed block give events or a typed error.
@Suite struct SealedDamageTests {
    private func code(_ block: [UInt8]) -> BlockError.Code? {
        do throws(BlockError) {
            _ = try BlockDecoder().decode(block)
            return nil
        } catch {
            return error.code
        }
    }

    private func block(count: Int = 3) -> [UInt8] {
        var list = EventList(kind: .quote)
        for index in 0..<count {
            let number = ExactDecimal(mantissa: Int64(index * index % 10), exponent: -1)
            let quote = Quote(bidPrice: number, bidSize: .zero, askPrice: .absent, askSize: .absent)
            list.events.append(.make(index, .quote(quote)))
        }
        return list.blocks(sealed: true)[0].bytes
    }

    /// Magic, version, kind, count, number of columns, positions and times, then columns.
    private func made(
        kind: UInt8 = 1,
        count: UInt64 = 2,
        columnCount: UInt64? = nil,
        positions: (first: Int64, length: UInt64) = (0, 5),
        times: (first: Int64, length: UInt64) = (100, 0),
        columns: [(head: UInt8, content: [UInt8])]
    ) -> [UInt8] {
        var writer = ByteWriter()
        writer.bytes = Array("TDB1".utf8) + [2, kind]
        writer.append(variable: count)
        writer.append(variable: columnCount ?? UInt64(columns.count))
        for range in [positions, times] {
            writer.append(variable: range.first.zigzag)
            writer.append(variable: range.length)
        }
        for column in columns {
            writer.bytes.append(column.head)
            writer.append(variable: UInt64(column.content.count))
            writer.bytes += column.content
        }
        writer.bytes += [0, 0, 0, 0]
        Mutations.seal(&writer.bytes)
        return writer.bytes
    }

    /// All event times are that of the header.
    private static let sameTime: (head: UInt8, content: [UInt8]) = (1, [0, 0, 0])

    @Test func everyTruncationIsRefused() {
        let block = block(count: 400)
        for length in 0..<block.count {
            let code = code(Array(block[..<length]))
            #expect(code == (length < 9 ? .truncated : .checksumMismatch))
        }
    }

    @Test func everyFlippedBitIsRefused() {
        let block = block()
        for place in block.indices {
            for bit in 0..<8 {
                var damaged = block
                damaged[place] ^= 1 << UInt8(bit)
                // Version 2 becomes 3, 0, 6, …; none of them is 1, which takes two bits.
                #expect(code(damaged) == (place < 4 ? .notABlock : place == 4 ? .unknownVersion : .checksumMismatch))
            }
        }
    }

    @Test func impossibleHeaders() {
        let columns = [Self.sameTime]
        #expect(code(made(columns: columns)) == nil)
        #expect(code(made(kind: 0, columns: columns)) == .malformedHeader)
        #expect(code(made(kind: 4, columns: columns)) == .malformedHeader)
        #expect(code(made(count: 0, columns: columns)) == .malformedHeader)
        #expect(code(made(count: 65_536, positions: (0, 65_535), columns: columns)) == nil)
        #expect(code(made(count: 65_537, positions: (0, 65_536), columns: columns)) == .malformedHeader)
        #expect(code(made(count: .max, positions: (0, .max >> 1), columns: columns)) == .malformedHeader)
        #expect(code(made(count: 7, columns: columns)) == .malformedHeader, "more events than positions")
        #expect(code(made(positions: (.max, 1), columns: columns)) == .malformedHeader)
        #expect(code(made(positions: (.min, .max), columns: columns)) == nil)
        #expect(code(made(times: (.max, 1), columns: columns)) == .malformedHeader)
        #expect(code(made(columnCount: 23, columns: columns)) == .malformedHeader)
        #expect(code(made(columnCount: 0, columns: columns)) == .malformedHeader, "a column is left over")
        #expect(code(made(columnCount: 2, columns: columns)) == .truncated, "a column is missing")
        #expect(code(made(columns: [])) == .malformedColumn, "no event time")
    }

    @Test func impossibleColumns() {
        let time = Self.sameTime
        func code(_ columns: [(head: UInt8, content: [UInt8])]) -> BlockError.Code? {
            self.code(made(columns: columns))
        }
        #expect(code([time, (6, [0, 2, 0])]) == nil)
        #expect(code([(6, [0, 2, 0])]) == .malformedColumn, "no event time")
        #expect(code([time, time]) == .malformedColumn, "twice")
        #expect(code([time, (0, [0, 2, 0])]) == .malformedColumn)
        #expect(code([time, (23, [0, 2, 0])]) == .malformedColumn)
        #expect(code([time, (12, [0, 0, 2, 0])]) == .malformedColumn, "a column of quotes")
        #expect(code([(0x81, [0, 2, 0, 0, 0, 0])]) == .malformedColumn, "sparse event time")
        #expect(code([time, (0x86, [0, 2, 0, 0, 2, 0])]) == .malformedColumn, "sparse side")
        #expect(code([time, (6, [0, 6, 0])]) == .malformedColumn, "side 3")
        #expect(code([time, (7, [0, 1, 0])]) == .malformedColumn, "flags -1")
        #expect(code([time, (3, [0, 2, 0, 0])]) == .malformedColumn, "a byte too many")
        #expect(code([time, (3, [0, 2])]) == .truncated)
        #expect(code([time, (0x83, [0, 4, 0, 0, 2, 0])]) == .malformedColumn, "presence 2")
        #expect(code([time, (0x83, [0, 0, 0])]) == nil, "nobody has a value")
        #expect(code([time, (4, [0, 2, 0]), (5, [0, 0, 0])]) == .malformedColumn, "two ids")
        #expect(code([time, (5, [0, 2, 0, 0, 0, 0])]) == nil, "two texts of one byte")
        #expect(code([time, (5, [0, 2, 0, 0, 1, 0])]) == .malformedColumn, "bytes of -1")
        #expect(code([time, (5, [0, 1, 0])]) == .malformedColumn, "lengths of -1")
        #expect(code([(1, [0, 2, 0])]) == .malformedColumn, "a time that is not that of the header")
        #expect(code([(1, [1, 0, 1, 0])]) == .malformedColumn, "times go back")
    }

    @Test func impossibleSeries() {
        func code(_ series: [UInt8], count: UInt64 = 4) -> BlockError.Code? {
            self.code(made(count: count, columns: [Self.sameTime, (3, series)]))
        }
        let states: [UInt8] = [0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0]
        // Precision 0 to 12; two bins with half of the values each.
        #expect(code([8, 1, 1, 0, 2, 1, 2, 0] + states) == .malformedColumn, "the words are missing")
        #expect(code([3, 0, 0]) == .malformedColumn, "order 3")
        #expect(code([16, 0, 0]) == .malformedColumn, "a bit that means nothing")
        #expect(code([2, 0, 0, 0, 0], count: 2) == .malformedColumn, "no number is left")
        #expect(code([0, 0, 65]) == .malformedColumn, "a width above 64")
        #expect(code([8, 0, 1, 0, 2] + states) == .malformedColumn, "one bin")
        #expect(code([8, 1, 13, 0, 2, 1, 2, 0] + states) == .malformedColumn, "precision 13")
        #expect(code([8, 1, 1, 0, 0, 1, 4, 0] + states) == .malformedColumn, "a frequency of 0")
        #expect(code([8, 1, 1, 0, 2, 1, 4, 0] + states) == .malformedColumn, "frequencies of three halves")
        #expect(code([8, 1, 1, 0, 3, 65, 1, 2, 0] + states) == .malformedColumn, "a bin that is too wide")
        #expect(code([8, 1, 1, 0, 2, 1, 2, 5] + states + [UInt8](repeating: 0, count: 10)) == .malformedColumn)
        #expect(code([8, 1, 1, 0, 2, 1, 2, 0]) == .truncated, "no states")
    }

    /// Few bytes that say they are very much.
    @Test func nothingIsLargerThanItsBound() {
        // 65,536 texts of 65,535 bytes.
        let length: [UInt8] = [0, 0xFE, 0xFF, 0x07, 0]
        let columns: [(head: UInt8, content: [UInt8])] = [Self.sameTime, (5, length + [0, 2, 0])]
        #expect(code(made(count: 65_536, positions: (0, 65_535), columns: columns)) == .malformedColumn)
        #expect(code(made(count: 16, positions: (0, 65_535), columns: columns)) == nil, "almost 1 MiB")
        #expect(code(made(count: 17, positions: (0, 65_535), columns: columns)) == .malformedColumn)
        // All columns of a trade, one value each, for the most events.
        var wide = [Self.sameTime]
        for id in ColumnID.allCases where id.belongs(to: .trade) && id != .eventTime && id != .idText {
            wide.append((id.rawValue, (id.isDecimal ? [0] : []) + [0, 2, 0]))
        }
        #expect(code(made(count: 65_536, positions: (0, 65_535), columns: wide)) == nil)
        // A length that no block has.
        #expect(code(made(columns: [Self.sameTime, (3, [])].map { ($0.head, $0.content) })) == .truncated)
    }

    @Test func fortyThousandMutations() {
        var mutations = Mutations(seed: 11, sealed: true)
        let decoder = BlockDecoder()
        var codes: [BlockError.Code: Int] = [:]
        var sound = 0
        for _ in 0..<40_000 {
            let block = mutations.next()
            do throws(BlockError) {
                let decoded = try decoder.decode(block)
                for event in decoded.events.prefix(3) { _ = EventRow(event, decoded.texts) }
                #expect(decoded.events.count == decoded.header.count)
                #expect(decoded.texts.bytes.count <= SealedFormat.textBytesMax)
                sound += 1
            } catch {
                codes[error.code, default: 0] += 1
            }
        }
        #expect(codes.count == 6, "\(codes)")
        #expect(sound > 1_000, "\(sound) \(codes)")
        #expect(codes[.malformedColumn, default: 0] > 3_000, "\(codes)")
    }
}
