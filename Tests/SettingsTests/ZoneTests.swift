import Settings
import Testing

/// The section `zones`: data that has to stay somewhere is to be named without doubt.
@Suite struct ZoneTests {
    @Test func zonesAreReadWithAllThatTheyHold() throws {
        let text = """
            zones:
              eu: { shards: [s1, s3], venues: [KRAKEN, BITSTAMP], sources: [kraken], tickets: true }
              asia:
                shards: [s2]
                instruments: ["BINANCE:BTC:JPY", KRAKEN:X]
                tickets: false
            """
        let zones = try ConfigurationFile.parse(Array(text.utf8), file: "f.yaml").zones
        #expect(zones.map(\.name) == ["eu", "asia"])
        #expect(zones.map(\.shards) == [["s1", "s3"], ["s2"]])
        #expect(zones.map(\.venues) == [["KRAKEN", "BITSTAMP"], []])
        #expect(zones.map(\.instruments) == [[], ["BINANCE:BTC:JPY", "KRAKEN:X"]])
        #expect(zones.map(\.sources) == [["kraken"], []])
        #expect(zones.map(\.hasTickets) == [true, false])
        #expect(try ConfigurationFile.parse([], file: "f.yaml").zones.isEmpty)
    }

    @Test(arguments: [
        ("eu: { venues: [A] }", "2:3 'zones.eu' needs 'shards': which of them hold its data"),
        ("eu: { shards: [], venues: [A] }", "2:3 'zones.eu' needs 'shards': which of them hold its data"),
        (
            "eu: { shards: [s] }",
            "2:3 'zones.eu' needs to say what it holds: venues, instruments, sources or tickets"
        ),
        (
            "eu: { shards: [s], tickets: false }",
            "2:3 'zones.eu' needs to say what it holds: venues, instruments, sources or tickets"
        ),
        ("eu: { shards: [s], tickets: yes please }", "2:31 'zones.eu.tickets' takes true or false"),
        ("eu: { shards: [s], venue: [A] }", "2:22 unknown key 'venue'; did you mean 'venues'?"),
        ("eu: { shards: [s], venues: ['A:B'] }", "2:31 'zones.eu.venues' takes whole names, such as KRAKEN"),
        ("eu: { shards: [s], venues: ['A*'] }", "2:31 'zones.eu.venues' takes whole names, such as KRAKEN"),
        (
            "eu: { shards: [s], instruments: [BTC] }",
            "2:36 'zones.eu.instruments' takes whole names, such as BINANCE:BTCUSDT"
        ),
        (
            "eu: { shards: [s], instruments: ['A:B*'] }",
            "2:36 'zones.eu.instruments' takes whole names, such as BINANCE:BTCUSDT"
        ),
        ("eu: { shards: s, tickets: true }", "2:17 'zones.eu.shards' takes a list, such as '- shard1', not a text"),
        (
            "'e/u': { shards: [s], tickets: true }",
            "2:3 'zones' takes letters, digits, '-', '_' and '.', such as binance-spot"
        ),
        (
            "a: { shards: [s], venues: [V] }\n  b: { shards: [s], venues: [V] }",
            "3:30 venue 'V' is in zone 'a' already: it can be in one alone"
        ),
        (
            "a: { shards: [s], sources: [x, x] }",
            "2:34 source 'x' is in zone 'a' already: it can be in one alone"
        ),
        (
            "a: { shards: [s], tickets: true }\n  b: { shards: [s], tickets: true }",
            "3:21 'tickets' is in zone 'a' already: it can be in one alone"
        ),
    ])
    func aMistakeIsReportedWithItsPlace(_ zones: String, _ expected: String) {
        #expect(mistakes("zones:\n  \(zones)\n") == [expected])
    }

    @Test func anInstrumentOfAVenueOfAnotherZoneIsNoMistake() {
        let text = "zones:\n  a: { shards: [s], venues: [V] }\n  b: { shards: [t], instruments: ['V:X'] }\n"
        #expect(mistakes(text).isEmpty)
    }
}
