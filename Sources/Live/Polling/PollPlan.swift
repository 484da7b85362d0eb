/// What is asked of a venue over REST, again and again, and how often.
public struct PollPlan: Equatable, Sendable {
    /// How the next request knows where the last one ended.
    public enum Cursor: Equatable, Sendable {
        /// It does not: the newest are asked for.
        case newest
        /// `since=` with what the last answer said (Kraken).
        case krakenSince
        /// `fromId=` with the number behind the last one (Binance).
        case binanceFromID
    }

    /// What answers are recorded under: the name of the connection whose trades they belong to, or one of their own.
    public var name: String
    /// Where to ask: `https://host:port`, without a path.
    public var server: String
    /// Path and query, without cursor and secrets.
    public var target: String
    public var cursor = Cursor.newest
    /// How long from one request to the next.
    public var interval: Duration
    /// What is added to the query and recorded nowhere, such as `apikey=…`.
    public var secret: String?

    public init(name: String, server: String, target: String, every interval: Duration) {
        self.name = name
        self.server = server
        self.target = target
        self.interval = interval
    }

    /// The target with more in its query.
    func target(adding parameter: String?) -> String {
        parameter.map { Self.adding($0, to: target) } ?? target
    }

    /// The whole URL of a target.
    func url(_ target: String) -> String {
        server + (secret.map { Self.adding($0, to: target) } ?? target)
    }

    private static func adding(_ parameter: String, to target: String) -> String {
        target + (target.contains("?") ? "&" : "?") + parameter
    }
}
