import Yams

/// The tree of a YAML text, with the places of its nodes.
///
/// All scalars are plain text here: what `yes`, `0x10` or `12:30` mean in YAML 1.1 is a trap in a configuration.
struct YAMLDocument {
    typealias Mistake = ConfigurationError.Mistake
    typealias Place = ConfigurationError.Place

    /// The outermost node; nil for an empty text, or one that is no YAML.
    private(set) var root: Node?
    /// What is wrong with the text as YAML.
    private(set) var mistakes: [Mistake] = []
    /// Keys that are given again further down, and reported as such: not to be read.
    private(set) var ignoredKeys: Set<Place> = []

    /// Each one costs another pass over the text.
    private static let duplicatesMax = 16
    private static let privateUseFirst: UInt32 = 0xE000

    /// Reads a text.
    ///
    /// The parser ends at a key that is given twice. To find all mistakes in one go, that key gets a name of its own
    /// and the text is read again.
    init(_ text: String) {
        var scalars = Array(text.unicodeScalars)
        while true {
            do {
                let text = String(String.UnicodeScalarView(scalars))
                root = try Parser(yaml: text, resolver: .basic, encoding: .utf8).singleRoot()
                return
            } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
                let place = Place(context.mark)
                let name = ShownText.quoted(keys.first ?? "")
                mistakes.append(Mistake(place, "the key \(name) is given again further down: keep one of them"))
                ignoredKeys.insert(place)
                guard ignoredKeys.count <= Self.duplicatesMax, rename(keys.first ?? "", at: place, in: &scalars) else {
                    return
                }
            } catch {
                mistakes.append(Self.mistake(error, scalars))
                return
            }
        }
    }

    /// Gives a key another name of the same length; false where the key does not stand there as it is.
    private func rename(_ key: String, at place: Place, in scalars: inout [Unicode.Scalar]) -> Bool {
        guard var index = Self.index(of: place, in: scalars), let first = key.unicodeScalars.first else { return false }
        if scalars[index] == "\"" || scalars[index] == "'" { index += 1 }
        guard index < scalars.count, scalars[index] == first,
            let replacement = Unicode.Scalar(Self.privateUseFirst + UInt32(ignoredKeys.count))
        else { return false }
        scalars[index] = replacement
        return true
    }

    private static func index(of place: Place, in scalars: [Unicode.Scalar]) -> Int? {
        var index = 0
        for _ in 1..<max(1, place.line) {
            guard let end = scalars[index...].firstIndex(where: isLineBreak) else { return nil }
            let isPair = scalars[end] == "\r" && end + 1 < scalars.count && scalars[end + 1] == "\n"
            index = end + (isPair ? 2 : 1)
        }
        index += place.column - 1
        return index < scalars.count ? index : nil
    }

    /// What the parser counts as one.
    private static func isLineBreak(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": true
        default: false
        }
    }

    /// The parser's own description of an error quotes the line, which may hold a password.
    private static func mistake(_ error: any Error, _ scalars: [Unicode.Scalar]) -> Mistake {
        switch error as? YamlError {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let place = Place(mark)
            let character = index(of: place, in: scalars).map { scalars[$0] }
            let hint = character == "\t" ? "indent with spaces, not with tabs" : "check indentation and quotes"
            let explanation = (context.map { "\($0.text), " } ?? "") + problem
            return Mistake(place, "this is not YAML: \(explanation); \(hint)")
        default: return Mistake(nil, "this is not YAML")
        }
    }
}

extension ConfigurationError.Place {
    init(_ mark: Mark) {
        self.init(line: mark.line, column: mark.column)
    }
}
