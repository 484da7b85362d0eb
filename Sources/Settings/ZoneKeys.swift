import Yams

extension Configuration {
    /// Which shards hold which data.
    package struct Zone: Equatable, Sendable {
        /// What the file calls it.
        package var name: String
        /// The shards that hold its data, at least one.
        package var shards: [String]
        /// Whose instruments it holds, unless another zone names one of them.
        package var venues: [String]
        /// Single instruments, `VENUE:SYMBOL`.
        package var instruments: [String]
        /// Single sources.
        package var sources: [String]
        /// Whether it holds all support tickets.
        package var hasTickets: Bool
    }
}

extension Configuration.Zone {
    /// Reads the section `zones`, whose keys are the names of the zones.
    static func readAll(_ reader: inout ConfigurationReader, _ section: ConfigurationReader.Entry) -> [Self] {
        var zones: [Self] = []
        // What is in a zone already, with the name of that.
        var taken: [String: String] = [:]
        for entry in reader.entries(of: section.value, path: section.path) {
            guard let name = reader.zoneName(entry),
                let draft = reader.whole(entry, ZoneDraft.keys, into: ZoneDraft())
            else { continue }
            guard !draft.shards.isEmpty else {
                reader.report(entry.key, "'\(entry.path)' needs 'shards': which of them hold its data")
                continue
            }
            guard !draft.things.isEmpty else {
                reader.report(
                    entry.key,
                    "'\(entry.path)' needs to say what it holds: venues, instruments, sources or tickets"
                )
                continue
            }
            for thing in draft.things {
                if let other = taken.updateValue(name, forKey: thing.name) {
                    reader.report(thing.node, "\(thing.name) is in zone '\(other)' already: it can be in one alone")
                }
            }
            zones.append(draft.zone(name))
        }
        return zones
    }
}

/// A zone while it is read.
private struct ZoneDraft {
    /// Something that can be in one zone alone.
    struct Thing {
        /// What it is, for messages.
        let name: String
        let node: Node
    }

    var shards: [String] = []
    var venues: [String] = []
    var instruments: [String] = []
    var sources: [String] = []
    var hasTickets = false
    var things: [Thing] = []

    static var keys: [ConfigurationKey<Self>] {
        [
            ConfigurationKey("shards") { reader, entry, draft in
                draft.shards = reader.elements(of: entry, example: "shard1").compactMap { reader.text($0) }
            },
            names("venues", "KRAKEN", "venue", \.venues) { $0.contains { ":*/".contains($0) } ? nil : $0 },
            names("instruments", "BINANCE:BTCUSDT", "instrument", \.instruments) { text in
                let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                return parts.count == 2 && parts.allSatisfy { !$0.isEmpty } && !text.contains("*") ? text : nil
            },
            names("sources", "kraken", "source", \.sources) { $0.contains("*") ? nil : $0 },
            ConfigurationKey("tickets") { reader, entry, draft in
                guard let text = reader.text(entry) else { return }
                guard text == "true" || text == "false" else {
                    reader.report(entry.value, "'\(entry.path)' takes true or false")
                    return
                }
                draft.hasTickets = text == "true"
                if draft.hasTickets { draft.things.append(Thing(name: "'tickets'", node: entry.key)) }
            },
        ]
    }

    /// A key with a list of names.
    ///
    /// - Parameter check: the name, or nil where it is none.
    private static func names(
        _ key: String,
        _ example: String,
        _ noun: String,
        _ field: WritableKeyPath<Self, [String]>,
        _ check: @escaping (String) -> String?
    ) -> ConfigurationKey<Self> {
        ConfigurationKey(key) { reader, entry, draft in
            for element in reader.elements(of: entry, example: example) {
                guard let text = reader.text(element) else { continue }
                guard let name = check(text) else {
                    reader.report(element.value, "'\(entry.path)' takes whole names, such as \(example)")
                    continue
                }
                draft[keyPath: field].append(name)
                draft.things.append(Thing(name: "\(noun) \(ShownText.quoted(name))", node: element.key))
            }
        }
    }

    func zone(_ name: String) -> Configuration.Zone {
        Configuration.Zone(
            name: name,
            shards: shards,
            venues: venues,
            instruments: instruments,
            sources: sources,
            hasTickets: hasTickets
        )
    }
}

extension ConfigurationReader {
    /// The name of a zone, which is the key of an entry.
    fileprivate mutating func zoneName(_ entry: Entry) -> String? {
        plainName(Entry(name: entry.name, path: "zones", key: entry.key, value: entry.key))
    }
}
