import MarketData
import Testing

@Suite struct KindTableTests {
    @Test func everyKindHasAPlaceOfItsOwn() {
        var table = KindTable(repeating: 0)
        for (number, kind) in EventKind.allCases.enumerated() {
            #expect(Int(kind.rawValue) < KindTable<Int>.capacity)
            table[kind] = number + 1
        }
        #expect(EventKind.allCases.map { table[$0] } == Array(1...EventKind.allCases.count))
    }
}
