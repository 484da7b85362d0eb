import BSON
import DocumentStore
import Testing

@testable import Sharding

/// Which keys belong to which zone.
@Suite struct ZoneLayoutTests {
    /// "lower|upper|zone" of each range.
    private func ranges(_ zones: [Zone], of subject: CollectionSpecification.ShardKeySubject) -> [String] {
        ZoneLayout(zones).placements(of: subject).map { placement in
            let bounds = [placement.range.lower, placement.range.upper].map { bound in
                (bound.string ?? bound.shellText).replacing("\0", with: "0")
            }
            return "\(bounds[0])|\(bounds[1])|\(placement.zone)"
        }
    }

    @Test func aVenueIsARangeOfItsInstrumentsAndOfItsReplays() {
        let zones = [Zone(name: "eu", shards: ["s1"], venues: ["KRAKEN", "BITSTAMP"])]
        #expect(ranges(zones, of: .instrument) == ["BITSTAMP:|BITSTAMP;|eu", "KRAKEN:|KRAKEN;|eu"])
        #expect(ranges(zones, of: .source) == ["BITSTAMP/|BITSTAMP0|eu", "KRAKEN/|KRAKEN0|eu"])
        #expect(ranges(zones, of: .ticket).isEmpty)
    }

    @Test func anInstrumentOfAnotherZoneIsCutOutOfItsVenue() {
        let zones = [
            Zone(name: "eu", shards: ["s1"], venues: ["BINANCE"], instruments: ["BINANCE:AAA"]),
            Zone(name: "asia", shards: ["s2"], instruments: ["BINANCE:ZZZ", "BINANCE:MMM", "OKX:MMM"]),
        ]
        #expect(
            ranges(zones, of: .instrument) == [
                "BINANCE:|BINANCE:MMM|eu", "BINANCE:MMM|BINANCE:MMM0|asia", "BINANCE:MMM0|BINANCE:ZZZ|eu",
                "BINANCE:ZZZ|BINANCE:ZZZ0|asia", "BINANCE:ZZZ0|BINANCE;|eu", "OKX:MMM|OKX:MMM0|asia",
            ]
        )
    }

    @Test func aSourceIsNamedAsAWhole() {
        let zones = [Zone(name: "eu", shards: ["s1"], sources: ["kraken"])]
        #expect(ranges(zones, of: .source) == ["kraken|kraken0|eu"])
        #expect(ranges(zones, of: .instrument).isEmpty)
    }

    @Test func ticketsAreInOneZoneAsAWhole() {
        let zones = [Zone(name: "eu", shards: ["s1"], hasTickets: true), Zone(name: "us", shards: ["s2"])]
        #expect(ranges(zones, of: .ticket) == ["MinKey()|MaxKey()|eu"])
    }

    /// Of random zones: every name is in the range of its zone and of no other, and ranges do not touch each other.
    @Test(arguments: 0..<200) func everyNameIsInItsZoneAlone(seed: UInt64) {
        var state = seed
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        let venues = ["A", "AB", "B", "Ä"]
        let symbols = ["", "A", "A\u{1}", "B", "a:b", "é"].map { "X" + $0 }
        var zones = (0..<3).map { Zone(name: "z\($0)", shards: ["s"]) }
        var wanted: [String: String] = [:]
        for venue in venues {
            let home = random(4)
            if home < 3 { zones[home].venues.append(venue) }
            for symbol in symbols {
                let own = random(6)
                if own < 3 { zones[own].instruments.append("\(venue):\(symbol)") }
                let zone = own < 3 ? own : home
                if zone < 3 { wanted["\(venue):\(symbol)"] = "z\(zone)" }
            }
        }
        let placements = ZoneLayout(zones).placements(of: .instrument)
        for (one, next) in zip(placements, placements.dropFirst()) {
            #expect(!next.range.lower.isBelow(one.range.upper))
        }
        for name in venues.flatMap({ venue in symbols.map { "\(venue):\($0)" } }) {
            let found = placements.filter { $0.range.contains(KeyRange(exactly: name)) }
            #expect(found.map(\.zone) == [wanted[name]].compactMap(\.self), "\(name)")
        }
    }
}
