import Yams

extension Configuration.Retention {
    /// The keys of the section `retention`.
    static var keys: [ConfigurationKey<Self>] {
        [
            .path("archive", \.archive),
            ConfigurationKey("rules") { reader, entry, section in section.rules = readRules(&reader, entry) },
        ]
    }

    private static func readRules(
        _ reader: inout ConfigurationReader,
        _ list: ConfigurationReader.Entry
    ) -> [Configuration.RetentionRule] {
        var rules: [Configuration.RetentionRule] = []
        for element in reader.elements(of: list, example: "{ kind: trade, keep: 90d }") {
            guard let rule = RuleDraft.read(&reader, element) else { continue }
            if rules.contains(where: { $0.covers(rule) }) {
                let message = "this rule never decides: one above it matches all that it does; move it up, or remove it"
                reader.report(element.key, message)
            }
            rules.append(rule)
        }
        return rules
    }
}

extension Configuration.RetentionRule {
    /// Whether the rule matches everything that another one does.
    fileprivate func covers(_ other: Self) -> Bool {
        kind == other.kind && (venue == nil || venue == other.venue)
    }
}

/// A rule while it is read.
private struct RuleDraft {
    var venue: String?
    var kind: Configuration.MarketDataKind?
    /// Nil inside is for ever; nil outside is not said.
    var keep: Duration??

    private static let forEver = "forever"

    private static var keys: [ConfigurationKey<Self>] {
        [
            ConfigurationKey("venue") { reader, entry, draft in draft.venue = readVenue(&reader, entry) },
            .choice("kind", "kind", \.kind),
            ConfigurationKey("keep") { reader, entry, draft in
                let isForEver = entry.value.scalar?.string == forEver
                draft.keep = isForEver ? .some(nil) : reader.duration(entry).map(Optional.some)
            },
        ]
    }

    static func read(
        _ reader: inout ConfigurationReader,
        _ element: ConfigurationReader.Entry
    ) -> Configuration.RetentionRule? {
        guard let draft = reader.whole(element, keys, into: RuleDraft()) else { return nil }
        guard let kind = draft.kind, let keep = draft.keep else {
            reader.report(element.key, "a rule of '\(element.path)' needs both 'kind' and 'keep'")
            return nil
        }
        return Configuration.RetentionRule(venue: draft.venue, kind: kind, keep: keep)
    }

    /// The venue; nil for all of them.
    private static func readVenue(
        _ reader: inout ConfigurationReader,
        _ entry: ConfigurationReader.Entry
    ) -> String? {
        guard let text = reader.text(entry), text != "*" else { return nil }
        guard !text.contains(where: { $0 == ":" || $0 == "*" }) else {
            reader.report(entry.value, "'\(entry.path)' takes one venue without symbol, or '*' for all of them")
            return nil
        }
        return text
    }
}
