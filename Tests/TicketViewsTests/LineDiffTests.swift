import Testing
import TicketViews

@Suite struct LineDiffTests {
    @Test func partsAreCommonOrDiffer() {
        #expect(LineDiff.parts([], []) == [])
        #expect(LineDiff.parts(["a"], ["a"]) == [.common(["a"])])
        #expect(LineDiff.parts(["a"], []) == [.differing(first: ["a"], second: [])])
        #expect(
            LineDiff.parts(["a", "b", "c", "d"], ["a", "x", "c", "d", "e"]) == [
                .common(["a"]), .differing(first: ["b"], second: ["x"]), .common(["c", "d"]),
                .differing(first: [], second: ["e"]),
            ]
        )
        #expect(LineDiff.parts(["a", "a"], ["a"]) == [.common(["a"]), .differing(first: ["a"], second: [])])
    }

    @Test func partsMakeBothTexts() {
        var generator = SeededGenerator(seed: 9)
        for _ in 0..<1_000 {
            let texts = (0..<2).map { _ in
                (0..<Int.random(in: 0...12, using: &generator)).map { _ in
                    ["a", "b", "c"].randomElement(using: &generator) ?? ""
                }
            }
            var first: [String] = []
            var second: [String] = []
            for part in LineDiff.parts(texts[0], texts[1]) {
                switch part {
                case .common(let lines):
                    first += lines
                    second += lines
                case .differing(let one, let other):
                    #expect(one != other)
                    first += one
                    second += other
                }
            }
            #expect(first == texts[0] && second == texts[1])
        }
    }

    @Test func hugeTextsDifferAsAWhole() {
        let first = (0..<2_000).map { "first \($0)" }
        let second = ["second"] + first.dropLast() + ["end"]
        #expect(LineDiff.parts(first, second) == [.differing(first: first, second: second)])
    }
}
