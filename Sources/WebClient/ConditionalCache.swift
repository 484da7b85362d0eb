/// Remembers by what servers know again what they answered last, URL by URL.
///
/// Bodies are not kept: who asks has used them. URLs are kept as they are, with their keys, in memory only. Where it is
/// full, the URL that was asked longest ago is forgotten, whose next answer then comes in full. A pure value.
public struct ConditionalCache: Sendable {
    private struct Entry {
        var validators: WebRequest.Validators
        var lastUse: UInt64
    }

    /// Longer ones are no validators in earnest, and would be sent again and again.
    private static let validatorBytesMax = 1_024

    private let urlsMax: Int
    private var entries: [String: Entry] = [:]
    private var uses: UInt64 = 0

    /// An empty cache.
    ///
    /// - Parameter urlsMax: how many URLs are remembered; from 1 on.
    public init(urlsMax: Int = 1_024) {
        precondition(urlsMax >= 1, "a cache has room")
        self.urlsMax = urlsMax
    }

    /// How many URLs are remembered.
    public var count: Int { entries.count }

    /// Makes a request conditional where its URL was answered with a validator; a POST is left as it is.
    public mutating func apply(to request: inout WebRequest) {
        guard request.method == .get, entries[request.url] != nil else { return }
        uses += 1
        entries[request.url]?.lastUse = uses
        request.validators = entries[request.url]?.validators ?? request.validators
    }

    /// Learns from an answer.
    ///
    /// One of status 200 takes the place of what was known. With 304, what is known stays, renewed by what the answer
    /// says. Any other, such as an error, changes nothing.
    ///
    /// To be called once the body is used: what is remembered before that is never asked for again.
    public mutating func learn(from response: WebResponse, to request: WebRequest) {
        guard request.method == .get, response.status == 200 || response.status == 304 else { return }
        var validators = WebRequest.Validators(
            entityTag: Self.bounded(response.headers["ETag"]),
            lastModified: Self.bounded(response.headers["Last-Modified"])
        )
        if response.status == 304 {
            // A 304 answers what was asked with: it confirms that, whatever was learned in between.
            validators.entityTag = validators.entityTag ?? request.validators.entityTag
            validators.lastModified = validators.lastModified ?? request.validators.lastModified
        }
        guard validators != WebRequest.Validators() else {
            entries[request.url] = nil
            return
        }
        uses += 1
        entries[request.url] = Entry(validators: validators, lastUse: uses)
        if entries.count > urlsMax, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            entries[oldest.key] = nil
        }
    }

    /// Forgets a URL: its next answer comes in full.
    public mutating func forget(_ url: String) { entries[url] = nil }

    private static func bounded(_ value: String?) -> String? {
        guard let value, !value.isEmpty, value.utf8.count <= validatorBytesMax else { return nil }
        return value
    }
}
