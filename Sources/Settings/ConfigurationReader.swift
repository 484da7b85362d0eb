import Yams

/// Turns the nodes of a file into values, and collects what is wrong with them.
struct ConfigurationReader {
    typealias Mistake = ConfigurationError.Mistake
    typealias Place = ConfigurationError.Place

    /// A key with its value.
    struct Entry {
        /// The key.
        let name: String
        /// The names from the outermost section on, for messages.
        let path: String
        /// Where the key stands.
        let key: Node
        /// What stands behind it.
        let value: Node
    }

    /// What is wrong with what was read so far.
    private(set) var mistakes: [Mistake] = []
    /// Where relative paths start; with a `/` at the end, or empty.
    let folder: String
    private let ignoredKeys: Set<Place>

    /// Prepares for one file.
    init(folder: String, ignoring ignoredKeys: Set<Place>) {
        self.folder = folder
        self.ignoredKeys = ignoredKeys
    }

    /// Notes a mistake where a node stands.
    mutating func report(_ node: Node, _ message: String) {
        mistakes.append(Mistake(node.mark.map(Place.init), message))
    }

    /// Reads the keys of a section by the table of those that are known.
    ///
    /// - Parameter noun: what a key of this section is.
    mutating func read<Section>(
        _ entries: [Entry],
        _ keys: [ConfigurationKey<Section>],
        noun: String = "key",
        into section: inout Section
    ) {
        for entry in entries {
            if let key = keys.first(where: { $0.name == entry.name }) {
                key.read(&self, entry, &section)
            } else {
                let advice = advice(entry.name, among: keys.map(\.name))
                report(entry.key, "unknown \(noun) \(ShownText.quoted(entry.name)); \(advice)")
            }
        }
    }

    /// Reads a mapping into `draft`; nil where something was wrong in it.
    ///
    /// What is wrong was said then; that it is missing therefore needs not be said as well.
    mutating func whole<Draft>(_ entry: Entry, _ keys: [ConfigurationKey<Draft>], into draft: Draft) -> Draft? {
        var draft = draft
        let mistakesBefore = mistakes.count
        read(entries(of: entry.value, path: entry.path), keys, into: &draft)
        return mistakes.count == mistakesBefore ? draft : nil
    }

    /// The keys of a mapping with their values; empty for a section without content.
    ///
    /// - Parameter path: names of the sections around, empty for the file itself.
    mutating func entries(of node: Node, path: String) -> [Entry] {
        switch node {
        case .mapping(let mapping): return mapping.compactMap { entry($0.key, $0.value, path) }
        case .scalar(let scalar) where scalar.isNull: return []
        default:
            let name = path.isEmpty ? "the file" : "'\(path)'"
            report(node, "\(name) takes keys with values, such as 'key: value', not \(node.kind)")
            return []
        }
    }

    /// The elements of a list as entries, each named like the list; empty, with a mistake noted, where it is none.
    ///
    /// - Parameter example: what an element looks like.
    mutating func elements(of entry: Entry, example: String) -> [Entry] {
        if case .scalar(let scalar) = entry.value, scalar.isNull {
            report(entry.key, "'\(entry.path)' has no value: give one, or remove the line")
            return []
        }
        guard case .sequence(let elements) = entry.value else {
            report(entry.value, "'\(entry.path)' takes a list, such as '- \(example)', not \(entry.value.kind)")
            return []
        }
        return elements.map { Entry(name: entry.name, path: entry.path, key: $0, value: $0) }
    }

    private mutating func entry(_ key: Node, _ value: Node, _ path: String) -> Entry? {
        guard case .scalar(let scalar) = key else {
            report(key, "a key is a word, not \(key.kind)")
            return nil
        }
        if let place = key.mark.map(Place.init), ignoredKeys.contains(place) { return nil }
        let name = scalar.string
        return Entry(name: name, path: path.isEmpty ? name : "\(path).\(name)", key: key, value: value)
    }

    /// The text of an entry; nil, with a mistake noted, where it has none.
    mutating func text(_ entry: Entry) -> String? {
        guard case .scalar(let scalar) = entry.value else {
            report(entry.value, "\(ShownText.quoted(entry.path)) takes a text, not \(entry.value.kind)")
            return nil
        }
        guard !scalar.isNull, !scalar.string.isEmpty else {
            report(entry.key, "\(ShownText.quoted(entry.path)) has no value: give one, or remove the line")
            return nil
        }
        guard !scalar.string.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            report(entry.value, "\(ShownText.quoted(entry.path)) holds a line break or a control character: remove it")
            return nil
        }
        return scalar.string
    }

    /// The duration of an entry, longer than zero; nil, with a mistake noted, where it has none.
    mutating func duration(_ entry: Entry) -> Duration? {
        guard let text = text(entry) else { return nil }
        do throws(DurationText.Fault) {
            let duration = try DurationText.parse(text)
            if duration > .zero { return duration }
            report(entry.value, "'\(entry.path)' has to be longer than zero")
        } catch {
            report(entry.value, "\(ShownText.quoted(text)) is no duration for '\(entry.path)': \(error)")
        }
        return nil
    }

    /// The number of bytes of an entry, more than none; nil, with a mistake noted, where it has none.
    mutating func bytes(_ entry: Entry) -> Int64? {
        guard let text = text(entry) else { return nil }
        if let bytes = ByteCountText.parse(text), bytes > 0 { return bytes }
        let advice = "a number of bytes is written as 500MB, 8GB or 64KiB"
        report(entry.value, "\(ShownText.quoted(text)) is no number of bytes for '\(entry.path)': \(advice)")
        return nil
    }

    /// A name that is the name of a folder as well.
    mutating func plainName(_ entry: Entry) -> String? {
        guard let text = text(entry) else { return nil }
        let isPlain = text.utf8.allSatisfy {
            (48...57).contains($0) || (65...90).contains($0 & 0xDF) || [45, 46, 95].contains($0)
        }
        guard isPlain, !text.hasPrefix("."), text.utf8.count <= Self.nameBytesMax else {
            report(entry.value, "'\(entry.path)' takes letters, digits, '-', '_' and '.', such as binance-spot")
            return nil
        }
        return text
    }

    private static let nameBytesMax = 100

    /// One of a few words; nil, with a mistake noted, where it is none of them.
    ///
    /// - Parameter noun: what the words are.
    mutating func choice<Value: RawRepresentable & CaseIterable>(_ entry: Entry, _ noun: String) -> Value?
    where Value.RawValue == String {
        guard let text = text(entry) else { return nil }
        if let value = Value(rawValue: text) { return value }
        let advice = advice(text, among: Value.allCases.map(\.rawValue))
        report(entry.value, "unknown \(noun) \(ShownText.quoted(text)); \(advice)")
        return nil
    }

    private func advice(_ text: String, among names: [String]) -> String {
        if let name = NearestName.find(text, among: names) { return "did you mean '\(name)'?" }
        return "here stands one of: \(names.joined(separator: ", "))"
    }
}

extension Node {
    /// What the node is, for messages.
    fileprivate var kind: String {
        switch self {
        case .mapping: "keys with values"
        case .sequence: "a list"
        case .scalar, .alias: "a text"
        }
    }
}

extension Node.Scalar {
    /// Whether YAML takes the scalar for no value.
    fileprivate var isNull: Bool {
        style == .plain && (string.isEmpty || string == "~" || string.lowercased() == "null")
    }
}
