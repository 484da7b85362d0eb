import MarketData

/// What an answer is an answer to: path and query of the request, as it was sent but for secrets.
///
/// Refers to memory of the frame and is valid while the answer is decoded.
public struct AnswerTarget {
    /// Longer lines are no targets.
    public static let bytesMax = 65_536

    /// Query keys whose values are nobody's business.
    ///
    /// Whoever records leaves them out; `AnswerPayload` does.
    public static let secretKeys: Set<String> = ["apikey", "api_key", "token", "signature"]

    /// What follows a number sign, which no request has: which places of the answer are news.
    static let newsMark: StaticString = "new="

    /// The path, with its escapes.
    public let path: UnsafeRawBufferPointer
    private let query: UnsafeRawBufferPointer
    /// What of the answer is taken; the rest was recorded before.
    let news: AnswerNews

    /// Reads the first line of an answer; nil where it is no target.
    init?(_ line: UnsafeRawBufferPointer) {
        guard line.count <= Self.bytesMax, line.first == UInt8(ascii: "/"), line.allSatisfy({ 0x21...0x7E ~= $0 })
        else { return nil }
        let (target, fragment) = Self.split(line, at: "#")
        guard let news = fragment.map(Self.news) ?? .all else { return nil }
        let (path, query) = Self.split(target, at: "?")
        self.path = path
        self.query = query ?? UnsafeRawBufferPointer(start: nil, count: 0)
        self.news = news
    }

    /// What follows the last slash of the path, with its escapes.
    public var lastComponent: UnsafeRawBufferPointer {
        path.lastIndex(of: UInt8(ascii: "/")).map { path.dropping($0 + 1) } ?? path
    }

    /// The last component of the path as text, without escapes; nil where it is none.
    public var lastName: String? { Self.unescaped(lastComponent) }

    /// The value of a key of the query, without escapes; nil where there is none, or it is no text.
    public func value(_ key: StaticString) -> String? {
        var rest: UnsafeRawBufferPointer? = query
        while let current = rest {
            let (pair, next) = Self.split(current, at: "&")
            let (name, value) = Self.split(pair, at: "=")
            if name.matches(key) { return value.flatMap(Self.unescaped) }
            rest = next
        }
        return nil
    }

    private static func split(
        _ bytes: UnsafeRawBufferPointer,
        at separator: Unicode.Scalar
    ) -> (UnsafeRawBufferPointer, UnsafeRawBufferPointer?) {
        guard let index = bytes.firstIndex(of: UInt8(ascii: separator)) else { return (bytes, nil) }
        return (UnsafeRawBufferPointer(rebasing: bytes[..<index]), bytes.dropping(index + 1))
    }

    /// Resolves `%2F` and the like.
    private static func unescaped(_ text: UnsafeRawBufferPointer) -> String? {
        var bytes: [UInt8] = []
        var index = 0
        while index < text.count {
            guard text[index] == UInt8(ascii: "%") else {
                // A plus sign is a space in queries by an old custom; no symbol has a space, and some have a plus.
                bytes.append(text[index])
                index += 1
                continue
            }
            guard index + 2 < text.count, let high = hexadecimal(text[index + 1]),
                let low = hexadecimal(text[index + 2])
            else { return nil }
            bytes.append(high << 4 | low)
            index += 3
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexadecimal(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    /// Reads `new=0-3,7`, where places ascend; nil for anything else.
    private static func news(_ fragment: UnsafeRawBufferPointer) -> AnswerNews? {
        guard fragment.hasPrefix(newsMark) else { return nil }
        var ranges: [ClosedRange<Int>] = []
        var rest: UnsafeRawBufferPointer? = fragment.dropping(newsMark.utf8CodeUnitCount)
        while let current = rest {
            let (part, next) = split(current, at: ",")
            let (first, last) = split(part, at: "-")
            guard let lower = place(first), let upper = last.map(place) ?? lower, lower <= upper,
                ranges.last.map({ $0.upperBound < lower }) ?? true
            else { return nil }
            ranges.append(lower...upper)
            rest = next
        }
        return .places(ranges)
    }

    private static func place(_ text: UnsafeRawBufferPointer) -> Int? {
        Int64(ascii: text).flatMap { (0..<(1 << TapePosition.eventBits)).contains($0) ? Int($0) : nil }
    }
}

/// What of an answer was not recorded before.
///
/// Places count what an answer holds, events and rejected ones alike, in the order in which they are decoded.
public enum AnswerNews: Equatable, Sendable {
    case all
    /// What is at these places, in ascending order.
    case places([ClosedRange<Int>])
    case nothing

    func contains(_ place: Int) -> Bool {
        switch self {
        case .all: return true
        case .nothing: return false
        case .places(let ranges):
            var (low, high) = (0, ranges.count)
            while low < high {
                let middle = (low + high) / 2
                if ranges[middle].upperBound < place { low = middle + 1 } else { high = middle }
            }
            return low < ranges.count && ranges[low].contains(place)
        }
    }
}

/// The payload of a tape's frame of kind `answer`: a line with the target, and the body.
public enum AnswerPayload {
    /// The payload for an answer.
    ///
    /// Secrets are left out of the target. Where not all of the answer is news, the line says what is: readers pass
    /// over the rest, so that a bar which did not change is not stored again with every answer.
    ///
    /// - Throws: `TapeError.unusableTarget` where the target is none, or what is news cannot be said in a line.
    public static func bytes(
        target: String,
        news: AnswerNews = .all,
        body: [UInt8]
    ) throws(TapeError) -> [UInt8] {
        var line = withoutSecrets(target)
        switch news {
        case .all: break
        case .nothing: throw .unusableTarget
        case .places(let ranges):
            line += "#\(AnswerTarget.newsMark)"
            line += ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
                .joined(separator: ",")
        }
        let bytes = Array(line.utf8)
        guard bytes.withUnsafeBytes({ AnswerTarget($0) }) != nil else { throw .unusableTarget }
        return bytes + [UInt8(ascii: "\n")] + body
    }

    /// The target without the keys that hold secrets, and without what follows a number sign.
    public static func withoutSecrets(_ target: String) -> String {
        let sent = target.prefix { $0 != "#" }
        guard let mark = sent.firstIndex(of: "?") else { return String(sent) }
        let kept = sent[sent.index(after: mark)...].split(separator: "&").filter { pair in
            !AnswerTarget.secretKeys.contains(pair.prefix { $0 != "=" }.lowercased())
        }
        return String(sent[..<mark]) + (kept.isEmpty ? "" : "?" + kept.joined(separator: "&"))
    }
}
