import BSON
import Testing

@Suite struct Decimal128Tests {
    static let digits34: Int128 = 9_999_999_999_999_999_999_999_999_999_999_999

    /// Bit patterns from the decimal128 part of the BSON corpus of mongodb/specifications.
    static let corpus: [(Int128, Int, UInt64, UInt64)] = [
        (0, 0, 0x3040_0000_0000_0000, 0),
        (1, 0, 0x3040_0000_0000_0000, 1),
        (-1, 0, 0xB040_0000_0000_0000, 1),
        (1, -1, 0x303E_0000_0000_0000, 1),
        (1_234_567, -4, 0x3038_0000_0000_0000, 0x12_D687),
        (1_234_567_890_123_456_789_012_345_678_901_234, 0, 0x3040_3CDE_6FFF_9732, 0xDE82_5CD0_7E96_AFF2),
        (digits34, 0, 0x3041_ED09_BEAD_87C0, 0x378D_8E63_FFFF_FFFF),
        (digits34, 6111, 0x5FFF_ED09_BEAD_87C0, 0x378D_8E63_FFFF_FFFF),
        (-digits34, 6111, 0xDFFF_ED09_BEAD_87C0, 0x378D_8E63_FFFF_FFFF),
        (1, -6176, 0, 1),
    ]

    static let withoutValue: [(String, UInt64, UInt64)] = [
        ("infinity", 0x7800_0000_0000_0000, 0),
        ("negative infinity", 0xF800_0000_0000_0000, 0),
        ("NaN", 0x7C00_0000_0000_0000, 0),
        ("the large form", 0x6C10_0000_0000_0000, 1),
        ("35 digits", 0x3041_ED09_BEAD_87C0, 0x378D_8E64_0000_0000),
    ]

    @Test(arguments: corpus)
    func bitsAreAsInTheCorpus(coefficient: Int128, exponent: Int, high: UInt64, low: UInt64) throws {
        let decimal = Decimal128(coefficient: coefficient, exponent: exponent)
        #expect(decimal == Decimal128(high: high, low: low))
        let parts = try #require(decimal.parts)
        #expect(parts.coefficient == coefficient)
        #expect(parts.exponent == exponent)
    }

    @Test func priceOf12345Point67TimesTenToTheMinusTwoIsExact() throws {
        // 12345.67 × 10^-2 as an integer coefficient.
        let parts = try #require(Decimal128(coefficient: 1_234_567, exponent: -4).parts)
        #expect(parts.coefficient == 1_234_567)
        #expect(parts.exponent == -4)
    }

    @Test(arguments: withoutValue)
    func otherPatternsAreKeptWithoutAValue(situation: String, high: UInt64, low: UInt64) throws {
        let decimal = Decimal128(high: high, low: low)
        #expect(decimal.parts == nil)
        let document: BSONDocument = ["x": .decimal128(decimal)]
        #expect(try BSONDocument(validating: document.bytes)["x"] == .decimal128(decimal))
    }

    @Test func coefficientOf35DigitsStopsTheProgram() async {
        await #expect(processExitsWith: .failure) {
            _ = Decimal128(coefficient: 10_000_000_000_000_000_000_000_000_000_000_000, exponent: 0)
        }
    }
}
