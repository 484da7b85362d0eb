import MarketData
import Testing

@testable import TickCodec

/// Any bytes give events or a typed error.
@Suite struct DamageTests {
    private func code(_ block: [UInt8]) -> BlockError.Code? {
        do throws(BlockError) {
            _ = try BlockDecoder().decode(block)
            return nil
        } catch {
            return error.code
        }
    }

    /// A sound block of quotes: 44 bytes of header, then event time, bid price and bid size.
    private func block(count: Int = 3) -> [UInt8] {
        var list = EventList(kind: .quote)
        for index in 0..<count {
            let number = ExactDecimal(mantissa: Int64(index * index % 10), exponent: -1)
            let quote = Quote(bidPrice: number, bidSize: .zero, askPrice: .absent, askSize: .absent)
            list.events.append(.make(index, .quote(quote)))
        }
        return list.events.withUnsafeBufferPointer {
            BlockEncoder().encode($0, kind: .quote, texts: list.texts)[0].bytes
        }
    }

    private func sealed(_ change: (inout [UInt8]) -> Void) -> [UInt8] {
        var block = block()
        change(&block)
        Mutations.seal(&block)
        return block
    }

    @Test func soundBlock() {
        #expect(code(block()) == nil)
    }

    @Test func everyTruncationIsRefused() {
        let block = block()
        for length in 0..<block.count {
            let code = code(Array(block[..<length]))
            #expect(code == (length < 48 ? .truncated : .checksumMismatch))
        }
    }

    @Test func everyFlippedBitIsRefused() {
        let block = block()
        for place in block.indices {
            for bit in 0..<8 {
                var damaged = block
                damaged[place] ^= 1 << UInt8(bit)
                #expect(code(damaged) == (place < 4 ? .notABlock : place == 4 ? .unknownVersion : .checksumMismatch))
            }
        }
    }

    @Test func impossibleHeaders() {
        #expect(code(sealed { $0[5] = 0 }) == .malformedHeader)
        #expect(code(sealed { $0[5] = 4 }) == .malformedHeader)
        #expect(code(sealed { $0.replaceSubrange(8..<12, with: [0, 0, 0, 0]) }) == .malformedHeader)
        #expect(code(sealed { $0.replaceSubrange(8..<12, with: [1, 0, 1, 0]) }) == .malformedHeader)
        #expect(code(sealed { $0[6] = 255 }) == .malformedHeader)
        // Positions: the last before the first, and fewer than there are events.
        #expect(code(sealed { $0[27] = 0xFF }) == .malformedHeader)
        #expect(code(sealed { $0.replaceSubrange(20..<28, with: $0[12..<20]) }) == .malformedHeader)
        #expect(code(sealed { $0[43] = 0x80 }) == .malformedHeader)
    }

    @Test func impossibleColumns() {
        // The first column's id, encoding and length are at 44, 45 and 48.
        #expect(code(sealed { $0[44] = 0 }) == .malformedColumn)
        #expect(code(sealed { $0[44] = 23 }) == .malformedColumn)
        #expect(code(sealed { $0[44] = 2 }) == .malformedColumn, "no event time")
        #expect(code(sealed { $0[44] = 8 }) == .malformedColumn, "a column of trades")
        #expect(code(sealed { $0[45] = 0 }) == .malformedColumn)
        #expect(code(sealed { $0[45] = 5 }) == .malformedColumn, "text")
        #expect(code(sealed { $0[45] |= 0x80 }) == .malformedColumn, "sparse event time")
        #expect(code(sealed { $0[48] += 1 }) != nil)
        #expect(code(sealed { $0[51] = 0xFF }) == .truncated)
        #expect(code(sealed { $0[6] -= 1 }) == .malformedHeader, "a column is left over")
        #expect(code(sealed { $0[6] += 1 }) == .truncated, "a column is missing")
        #expect(code(sealed { $0.insert(0, at: $0.count - 4) }) == .malformedHeader)
    }

    @Test func noColumnComesTwice() {
        // A block of many times the same column would be small and take for ever.
        var block = block()
        let column = Array(block[44..<(44 + 8 + Int(block[48]))])
        block.insert(contentsOf: column, at: 44)
        block[6] += 1
        Mutations.seal(&block)
        #expect(code(block) == .malformedColumn)
    }

    @Test func manyEventsInFewBytesStayWithinTheBound() throws {
        let count = UInt32(65_536)
        var block = sealed { block in
            block.removeSubrange(44...)
            block[6] = 1
            block.replaceSubrange(8..<12, with: withUnsafeBytes(of: count.littleEndian, Array.init))
            block += [1, 1, 0, 0, 8, 0, 0, 0] + [UInt8](repeating: 1, count: 8) + [0, 0, 0, 0]
        }
        #expect(try BlockDecoder().decode(block).events.count == 65_536)
        block.replaceSubrange(8..<12, with: [1, 0, 1, 0])
        Mutations.seal(&block)
        #expect(code(block) == .malformedHeader)
    }

    @Test func fortyThousandMutations() {
        var mutations = Mutations(seed: 11)
        let decoder = BlockDecoder()
        var codes: [BlockError.Code: Int] = [:]
        var sound = 0
        for _ in 0..<40_000 {
            let block = mutations.next()
            do throws(BlockError) {
                let decoded = try decoder.decode(block)
                // Whatever came out can be looked at.
                for event in decoded.events.prefix(3) { _ = EventRow(event, decoded.texts) }
                #expect(decoded.events.count == decoded.header.count)
                sound += 1
            } catch {
                codes[error.code, default: 0] += 1
            }
        }
        // The seed reaches every way to go wrong.
        #expect(codes.count == 6, "\(codes)")
        #expect(sound > 1_000)
        #expect(codes[.malformedColumn, default: 0] > 3_000, "\(codes)")
    }

    @Test func headerIsReadWithoutTheColumns() throws {
        let header = try block().withUnsafeBytes { try BlockDecoder.header(of: $0) }
        #expect(header.kind == .quote)
        #expect(header.count == 3)
        #expect(header.positions == 0...(2 << 20))
        #expect(header.eventTimes == 1_723_161_255_088_169_167...(1_723_161_255_088_169_167 + 2_000_006))
    }

    @Test func errorsNameTheColumn() {
        let error = BlockError(.malformedColumn, column: 8)
        #expect(error.description == "the block is damaged: malformed_column in column 8")
        #expect(BlockError(.notABlock).description == "the block is damaged: not_a_block")
    }
}
