import Settings
import Testing

@Suite struct DurationTextTests {
    @Test(arguments: [
        ("90s", 90), ("30m", 1_800), ("8h", 28_800), ("3d", 259_200), ("2w", 1_209_600), ("1h30m", 5_400),
        ("1w2d3h4m5s", 788_645), ("0s", 0), ("007m", 420), ("100m", 6_000), ("36500d", 3_153_600_000),
    ])
    func aDurationIsRead(_ text: String, _ seconds: Int) throws {
        #expect(try DurationText.parse(text) == .seconds(seconds))
    }

    @Test(arguments: [
        ("", DurationText.Fault.empty), ("8", .malformed), ("h", .malformed), ("8 h", .malformed), ("-8h", .malformed),
        ("+8h", .malformed), ("1.5h", .malformed), ("8H", .malformed), ("8hours", .malformed), ("8h ", .malformed),
        ("1h30", .malformed), ("٣h", .malformed), ("30m1h", .order), ("1h2h", .order), ("36501d", .tooLong),
        ("36500d1s", .tooLong), ("99999999999999999999s", .tooLong), ("9223372036854775807w", .tooLong),
    ])
    func whatIsNoDurationIsRefused(_ text: String, _ fault: DurationText.Fault) {
        #expect(throws: fault) { try DurationText.parse(text) }
    }

    @Test(arguments: [
        (Duration.seconds(90), "1m30s"), (.seconds(86_400), "1d"), (.seconds(864_000), "10d"), (.zero, "0s"),
        (.milliseconds(1_999), "1s"), (.seconds(-5), "0s"),
    ])
    func aDurationIsWritten(_ duration: Duration, _ text: String) {
        #expect(DurationText.format(duration) == text)
    }

    @Test func whatIsWrittenIsReadAgain() throws {
        var random = SplitMix64(seed: 1)
        for _ in 0..<10_000 {
            // All magnitudes alike: most of the uniformly distributed ones would be years.
            let bound = Int64(1) << Int64.random(in: 1...31, using: &random)
            let duration = Duration.seconds(Int64.random(in: 0..<bound, using: &random))
            let text = DurationText.format(duration)
            #expect(try DurationText.parse(text) == duration, "\(text)")
            #expect(!text.dropFirst().contains("-") && text.utf8.count <= 16, "\(text)")
        }
    }

    @Test func partsAddUpInAnyCombination() throws {
        var random = SplitMix64(seed: 2)
        let units: [(String, Int)] = [("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)]
        for _ in 0..<5_000 {
            let chosen = units.filter { _ in Bool.random(using: &random) }
            let parts = chosen.map { (count: Int.random(in: 0..<700, using: &random), unit: $0) }
            let text = parts.map { "\($0.count)\($0.unit.0)" }.joined()
            let seconds = parts.reduce(0) { $0 + $1.count * $1.unit.1 }
            guard !parts.isEmpty else { continue }
            #expect(try DurationText.parse(text) == .seconds(seconds), "\(text)")
            let backwards = parts.reversed().map { "\($0.count)\($0.unit.0)" }.joined()
            if parts.count > 1 { #expect(throws: DurationText.Fault.order) { try DurationText.parse(backwards) } }
        }
    }

    @Test func noTextMakesItFail() {
        var random = SplitMix64(seed: 3)
        let alphabet = Array("0123456789wdhms -+.٣é\u{0}")
        for _ in 0..<20_000 {
            let text = String(
                (0..<Int.random(in: 0..<12, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? "0" }
            )
            guard let duration = try? DurationText.parse(text) else { continue }
            #expect(duration >= .zero && duration <= .seconds(3_153_600_000), "\(text)")
        }
    }
}
