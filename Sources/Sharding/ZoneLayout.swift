import DocumentStore

/// Which data an operator wants on which shards.
public struct Zone: Equatable, Sendable {
    /// The operator's name for it.
    public var name: String
    /// The shards that hold its data, at least one.
    public var shards: [String]
    /// Whose instruments it holds, unless another zone names one of them.
    public var venues: [String]
    /// Single instruments, `VENUE:SYMBOL`.
    public var instruments: [String]
    /// Single sources.
    public var sources: [String]
    /// Whether it holds all support tickets.
    public var hasTickets: Bool

    /// Takes all as it is.
    public init(
        name: String,
        shards: [String],
        venues: [String] = [],
        instruments: [String] = [],
        sources: [String] = [],
        hasTickets: Bool = false
    ) {
        self.name = name
        self.shards = shards
        self.venues = venues
        self.instruments = instruments
        self.sources = sources
        self.hasTickets = hasTickets
    }
}

/// All zones of a database: none where nobody cares on which shard its data is.
public struct ZoneLayout: Equatable, Sendable {
    /// In any order; no two name the same venue, instrument or source, and at most one has the tickets.
    public let zones: [Zone]

    /// Takes the zones as they are.
    public init(_ zones: [Zone] = []) {
        self.zones = zones
    }

    /// Values of a shard key with the zone that they belong to.
    struct Placement: Equatable {
        let range: KeyRange
        let zone: String
    }

    /// Which values of keys that name `subject` belong to which zone; in their order, and apart from each other.
    ///
    /// What names one thing counts more than what names many: the range of a venue is cut around an instrument that
    /// belongs to another zone.
    func placements(of subject: CollectionSpecification.ShardKeySubject) -> [Placement] {
        switch subject {
        case .ticket:
            return zones.filter(\.hasTickets).map { Placement(range: .all, zone: $0.name) }
        case .instrument:
            return placements(separator: ":", \.instruments)
        case .source:
            // A replay is named after the venue and the file: VENUE/FILE.
            return placements(separator: "/", \.sources)
        }
    }

    private func placements(separator: Unicode.Scalar, _ names: KeyPath<Zone, [String]>) -> [Placement] {
        let wide = zones.flatMap { zone in
            zone.venues.map { Placement(range: KeyRange($0, separator: separator), zone: zone.name) }
        }
        let narrow = zones.flatMap { zone in
            zone[keyPath: names].map { Placement(range: KeyRange(exactly: $0), zone: zone.name) }
        }
        .filter { one in !wide.contains { $0.zone == one.zone && $0.range.contains(one.range) } }
        .sorted { $0.range.lower.isBelow($1.range.lower) }
        let cut = wide.flatMap { one in
            var rest: [Placement] = []
            var lower = one.range.lower
            for hole in narrow where one.range.contains(hole.range) {
                rest.append(Placement(range: KeyRange(lower: lower, upper: hole.range.lower), zone: one.zone))
                lower = hole.range.upper
            }
            rest.append(Placement(range: KeyRange(lower: lower, upper: one.range.upper), zone: one.zone))
            return rest.filter { $0.range.lower != $0.range.upper }
        }
        return (cut + narrow).sorted { $0.range.lower.isBelow($1.range.lower) }
    }
}
