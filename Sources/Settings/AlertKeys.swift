import Alerts
import MarketData
import Yams

extension Configuration {
    /// Reads the list `alerts`.
    static func readAlerts(
        _ reader: inout ConfigurationReader,
        _ list: ConfigurationReader.Entry
    ) -> [AlertRule] {
        var rules: [AlertRule] = []
        for element in reader.elements(of: list, example: "{ name: btc-high, price_above: 100000 }") {
            guard let rule = AlertDraft.read(&reader, element) else { continue }
            if rules.contains(where: { $0.name == rule.name }) {
                reader.report(element.key, "there is another alert '\(rule.name)': names tell them apart")
                continue
            }
            rules.append(rule)
        }
        return rules
    }
}

/// A rule while it is read.
private struct AlertDraft {
    /// What it waits for, but for the keys that say more of it.
    enum Trigger {
        case priceAbove(ExactDecimal)
        case priceBelow(ExactDecimal)
        case move(ExactDecimal)
        case volumeSpike(ExactDecimal)
        case spread(ExactDecimal)
        case silent(Duration)
        case gap(Int64)
        case rejectRate(ExactDecimal)
        case ticketOverdue
    }

    var name: String?
    var triggers: [(key: String, Trigger)] = []
    var instruments: [InstrumentPattern]?
    var sources: [String]?
    var window: Duration?
    var averageOver: Int64?
    var atLeast: Int64?
    var severity: AlertSeverity?
    var rearm: ExactDecimal?
    var coolDown: Duration?

    private typealias Key = ConfigurationKey<Self>
    private typealias Entry = ConfigurationReader.Entry

    private static let windowDefault: Duration = .seconds(60)
    private static let averageOverDefault = 20
    private static let recordsDefault: Int64 = 100

    private static var keys: [Key] {
        [
            Key("name") { reader, entry, draft in draft.name = reader.plainName(entry) },
            trigger("price_above") { reader, entry in reader.decimal(entry).map(Trigger.priceAbove) },
            trigger("price_below") { reader, entry in reader.decimal(entry).map(Trigger.priceBelow) },
            trigger("move") { reader, entry in reader.percentage(entry).map(Trigger.move) },
            trigger("volume_spike") { reader, entry in reader.decimal(entry).map(Trigger.volumeSpike) },
            trigger("spread") { reader, entry in reader.percentage(entry).map(Trigger.spread) },
            trigger("silent") { reader, entry in reader.duration(entry).map(Trigger.silent) },
            trigger("gap") { reader, entry in reader.count(entry).map(Trigger.gap) },
            trigger("reject_rate") { reader, entry in reader.percentage(entry).map(Trigger.rejectRate) },
            trigger("ticket_overdue") { reader, entry in readOverdue(&reader, entry) },
            Key("instruments") { reader, entry, draft in draft.instruments = readPatterns(&reader, entry) },
            Key("sources") { reader, entry, draft in
                let elements = reader.elements(of: entry, example: "binance")
                draft.sources = elements.compactMap { reader.plainName($0) }
            },
            .duration("window", \.window),
            Key("average_over") { reader, entry, draft in draft.averageOver = reader.count(entry) },
            Key("at_least") { reader, entry, draft in draft.atLeast = reader.count(entry) },
            .choice("severity", "severity", \.severity),
            Key("rearm") { reader, entry, draft in draft.rearm = reader.percentage(entry) },
            .duration("cool_down", \.coolDown),
        ]
    }

    private static func trigger(
        _ name: String,
        _ read: @escaping (inout ConfigurationReader, Entry) -> Trigger?
    ) -> Key {
        Key(name) { reader, entry, draft in
            if let trigger = read(&reader, entry) { draft.triggers.append((name, trigger)) }
        }
    }

    private static func readOverdue(_ reader: inout ConfigurationReader, _ entry: Entry) -> Trigger? {
        guard let text = reader.text(entry) else { return nil }
        if text == "true" { return .ticketOverdue }
        reader.report(entry.value, "'\(entry.path)' takes true; remove the rule where it is not wanted")
        return nil
    }

    private static func readPatterns(_ reader: inout ConfigurationReader, _ list: Entry) -> [InstrumentPattern] {
        reader.elements(of: list, example: "BINANCE:BTCUSDT").compactMap { element in
            guard let text = reader.text(element) else { return nil }
            guard let pattern = InstrumentPattern(parsing: text) else {
                let message = "'\(list.path)' takes VENUE:SYMBOL, with '*' at an end, such as BINANCE:BTC*"
                reader.report(element.value, message)
                return nil
            }
            return pattern
        }
    }

    static func read(_ reader: inout ConfigurationReader, _ element: ConfigurationReader.Entry) -> AlertRule? {
        guard let draft = reader.whole(element, keys, into: AlertDraft()) else { return nil }
        guard let name = draft.name, draft.triggers.count == 1, let trigger = draft.triggers.first else {
            let known = keys.map(\.name).filter { draft.triggers.map(\.key).contains($0) }
            let message =
                known.count > 1
                ? "an alert waits for one thing, this one for \(known.joined(separator: " and ")): make several"
                : "an alert of '\(element.path)' needs 'name' and what it waits for: price_above, price_below, move, "
                    + "volume_spike, spread, silent, gap, reject_rate or ticket_overdue"
            reader.report(element.key, message)
            return nil
        }
        do throws(AlertRuleError) {
            return try AlertRule(
                name: name,
                scope: draft.scope(of: trigger.1),
                condition: draft.condition(trigger.1),
                severity: draft.severity ?? .warning,
                rearm: draft.rearm,
                coolDown: draft.coolDown ?? .seconds(60)
            )
        } catch {
            reader.report(element.key, "'\(name)': \(error)")
            return nil
        }
    }

    private func condition(_ trigger: Trigger) -> AlertCondition {
        let window = self.window ?? Self.windowDefault
        return switch trigger {
        case .priceAbove(let level): .priceAbove(level)
        case .priceBelow(let level): .priceBelow(level)
        case .move(let percentage): .move(percentage: percentage, window: window)
        case .volumeSpike(let times):
            .volumeSpike(
                times: times,
                window: window,
                averageOver: averageOver.map { Int($0) } ?? Self.averageOverDefault
            )
        case .spread(let percentage): .spread(percentage: percentage)
        case .silent(let time): .silent(time)
        case .gap(let missing): .gap(missingAtLeast: missing)
        case .rejectRate(let percentage):
            .rejectRate(percentage: percentage, window: window, minimumRecords: atLeast ?? Self.recordsDefault)
        case .ticketOverdue: .ticketOverdue
        }
    }

    /// What the rule is about: what it names, else everything that its condition is for.
    private func scope(of trigger: Trigger) -> AlertScope {
        if let sources { return .sources(sources) }
        if let instruments { return .instruments(instruments) }
        return switch trigger {
        case .ticketOverdue: .tickets
        case .gap, .rejectRate, .silent: .sources([])
        default: .instruments([])
        }
    }
}

extension ConfigurationReader {
    /// An exact number; nil, with a mistake noted, where it is none.
    fileprivate mutating func decimal(_ entry: Entry) -> ExactDecimal? {
        guard let text = text(entry) else { return nil }
        return decimal(text, entry, example: "100000 or 0.25")
    }

    /// A percentage, with or without the sign.
    fileprivate mutating func percentage(_ entry: Entry) -> ExactDecimal? {
        guard let text = text(entry) else { return nil }
        let number = text.hasSuffix("%") ? String(text.dropLast()).trimmingSpaces : text
        return decimal(number, entry, example: "5% or 0.25%")
    }

    /// A whole number, at least one.
    fileprivate mutating func count(_ entry: Entry) -> Int64? {
        guard let text = text(entry) else { return nil }
        if let count = Int64(text), (1...1_000_000_000).contains(count) { return count }
        report(entry.value, "'\(entry.path)' takes a whole number, such as 100")
        return nil
    }

    private mutating func decimal(_ text: String, _ entry: Entry, example: String) -> ExactDecimal? {
        var copy = text
        if let number = copy.withUTF8({ ExactDecimal(parsing: UnsafeRawBufferPointer($0)) }) { return number }
        report(entry.value, "'\(entry.path)' takes a number, such as \(example)")
        return nil
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        let start = drop { $0 == " " }
        return String(start.reversed().drop { $0 == " " }.reversed())
    }
}
