import MarketData
import Testing

@testable import Alerts

/// Numbers and windows by themselves, against what is slow and plain.
@Suite struct ExactnessTests {
    /// Compares decimal digits as text.
    static func order(_ left: ScaledMagnitude, _ right: ScaledMagnitude) -> Int {
        let lower = min(left.exponent, right.exponent)
        let texts = [left, right].map { number -> String in
            guard number.magnitude > 0 else { return "" }
            return String(number.magnitude) + String(repeating: "0", count: number.exponent - lower)
        }
        if texts[0] == texts[1] { return 0 }
        if texts[0].count != texts[1].count { return texts[0].count < texts[1].count ? -1 : 1 }
        return texts[0] < texts[1] ? -1 : 1
    }

    @Test func comparisonsAreThoseOfDigitsOnPaper() {
        var random = SplitMix64(seed: 1)
        for _ in 0..<20_000 {
            func number() -> ScaledMagnitude {
                let wide = UInt128(random.next()) << 64 | UInt128(random.next())
                return ScaledMagnitude(magnitude: wide >> UInt128(random.below(129)), exponent: random.below(80) - 40)
            }
            let left = number()
            var right = number()
            // Mostly numbers that are nearly equal.
            if random.below(2) == 0, left.magnitude < 1 << 100 {
                let digits = random.below(8)
                let scaled = (0..<digits).reduce(left.magnitude) { product, _ in product * 10 }
                right = ScaledMagnitude(
                    magnitude: scaled &+ UInt128(random.below(2)),
                    exponent: left.exponent - digits
                )
            }
            let order = Self.order(left, right)
            #expect((left < right) == (order < 0))
            #expect((left == right) == (order == 0))
            #expect((left > right) == (order > 0))
        }
    }

    @Test func productsOfTheGreatestNumbersFit() {
        let greatest = ExactDecimal(mantissa: .max, exponent: 127)
        let product = ScaledMagnitude(greatest, times: greatest)
        #expect(product.magnitude == UInt128(Int64.max) * UInt128(Int64.max))
        #expect(product.exponent == 254)
    }

    @Test func aWindowOfOneDirectionStaysSmall() {
        let length = Duration.seconds(64)
        for factor in [Int64(1), -1] {
            var window = SlidingExtremes(length: length)
            var queue = ExtremeQueue(keepsLowest: factor > 0, slot: 1_000_000_001)
            for step in 0..<Int64(100_000) {
                let price = ExactDecimal(mantissa: 1_000_000 + factor * step, exponent: 0)
                let time = step * 1_000_000
                window.add(price, at: time, received: time)
                queue.removeAll(before: time - 64_000_000_000)
                queue.insert(price, at: time)
                guard queue.count <= ExtremeQueue.samplesMax else {
                    Issue.record("\(queue.count) samples are held")
                    break
                }
                guard step > 64_000, step % 10 == 0 else { continue }
                let exact = 1_000_000 + factor * (step - 64_000)
                let found = factor > 0 ? window.lowest.mantissa : window.highest.mantissa
                // A little beyond the window perhaps: up to a 64th of it.
                #expect((0...1_001).contains((exact - found) * factor))
            }
        }
    }

    @Test(arguments: 0..<20) func extremesOfManySamplesAreNeverMissed(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let length: Int64 = 6_400_000
        var window = SlidingExtremes(length: .nanoseconds(length))
        var samples: [(time: Int64, price: Int64)] = []
        var (clock, price, newest) = (length * 10, Int64(1_000_000), Int64(0))
        for _ in 0..<3_000 {
            clock += Int64(random.below(20_000))
            price += Int64(random.below(200)) - Int64(seed % 3) * 50 - 50
            let time = clock - (random.below(5) == 0 ? Int64(random.below(8_000_000)) : 0)
            window.add(ExactDecimal(mantissa: price, exponent: 0), at: time, received: clock)
            guard time >= newest - length else { continue }
            samples.append((time, price))
            newest = max(newest, time)
            samples.removeAll { $0.time < newest - length - length / 64 - 1 }
            let inside = samples.filter { $0.time >= newest - length }.map(\.price)
            let around = samples.map(\.price)
            #expect(window.lowest.mantissa <= inside.min() ?? 0)
            #expect(window.lowest.mantissa >= around.min() ?? 0)
            #expect(window.highest.mantissa >= inside.max() ?? 0)
            #expect(window.highest.mantissa <= around.max() ?? 0)
        }
    }
}
