private import CLibMongoC
private import CMongoShims

/// How to reach and use one MongoDB deployment: a checked URI, with every wait bounded.
///
/// What the URI says about time-outs counts; what it leaves out gets the bounds below, instead of the library's, of
/// which some are minutes. How writes are confirmed, and what reads see, is one of three named levels, whatever the URI
/// says of it; writes are always retried once, and whom reads ask is said here, too.
public struct MongoConfiguration: Sendable, CustomStringConvertible {
    /// What a write is confirmed by, and what reads see.
    public enum Durability: String, CaseIterable, Sendable {
        /// A majority has it in its journal; reads see only what a majority has. What is confirmed is not lost.
        case strict
        /// A majority has it in memory: lost where all of them lose power at once.
        case fast
        /// The primary has it in memory: lost where it fails over.
        case development
    }

    /// Which members of a replica set reads ask.
    public enum ReadPreference: Equatable, Sendable {
        case primary
        /// A secondary that is at most so many seconds behind, at least 90; the primary where there is none.
        case secondaryPreferred(maxStalenessSeconds: Int)
    }

    /// The least staleness that can be asked for, in seconds: members tell only so often how far they are.
    public static let stalenessSecondsMin = Int(MONGOC_SMALLEST_MAX_STALENESS_SECONDS)

    /// Bounds of waits, in milliseconds, where the URI gives none.
    public struct Limits: Sendable {
        /// To open one connection.
        public var connectTimeoutMs: Int32 = 5_000
        /// To find a server that takes the operation.
        ///
        /// A connection that broke makes the driver look at the server anew before it repeats a write, so this is
        /// longer than a heartbeat and the half second that the driver leaves between two looks.
        public var serverSelectionTimeoutMs: Int32 = 5_000
        /// For any answer.
        ///
        /// Longer than every bound that the server itself keeps.
        public var socketTimeoutMs: Int32 = 45_000
        /// Between looks at the servers: how soon one that came back is noticed.
        ///
        /// At least 500.
        public var heartbeatFrequencyMs: Int32 = 1_000
        /// For the majority to confirm a write that the primary has made.
        public var writeConcernTimeoutMs: Int64 = 20_000
        /// For the repetitions of a transaction's commit that gets no answer.
        public var commitTimeoutMs: Int64 = 20_000
        /// For the server to execute one read.
        public var readTimeMsMax: Int64 = 30_000

        public init() {}
    }

    /// The most connections that a pool may have: each has a thread.
    public static let connectionCountMax = 64

    /// The URI as given, with credentials.
    ///
    /// Not for messages.
    let uri: String
    public let limits: Limits
    /// The longest wait for any answer, by the URI or else the limits, in milliseconds.
    let socketTimeoutMs: Int32
    public let durability: Durability
    public let readPreference: ReadPreference
    /// How many connections, and threads, there are at most.
    public let connectionCount: Int
    /// What the server's log and `currentOp` call this program.
    public let applicationName: String
    /// The database that the URI names.
    public let database: String?
    /// The host names and ports of the URI, comma separated.
    public let hosts: String
    /// The URI without password and other secrets, for messages.
    public let description: String

    /// Checks a URI.
    ///
    /// - Throws: `MongoError` of code `configuration`, with what is wrong with which part.
    public init(
        uri: String,
        connectionCount: Int = 4,
        applicationName: String = "tapedesk",
        limits: Limits = Limits(),
        durability: Durability = .strict,
        readPreference: ReadPreference = .primary
    ) throws(MongoError) {
        guard (1...Self.connectionCountMax).contains(connectionCount) else {
            let range = "from 1 to \(Self.connectionCountMax)"
            throw MongoError(.configuration, "the number of connections is \(range), not \(connectionCount)")
        }
        guard !applicationName.isEmpty, applicationName.utf8.count <= 128, !applicationName.utf8.contains(0) else {
            throw MongoError(.configuration, "the application name has from 1 to 128 bytes")
        }
        if case .secondaryPreferred(let seconds) = readPreference, seconds < Self.stalenessSecondsMin {
            throw MongoError(.configuration, "a secondary may be \(Self.stalenessSecondsMin) seconds behind, or more")
        }
        let redacted = URIRedaction(uri)
        self.uri = uri
        self.limits = limits
        self.durability = durability
        self.readPreference = readPreference
        self.connectionCount = connectionCount
        self.applicationName = applicationName
        hosts = redacted.hosts
        description = redacted.text
        guard !uri.utf8.contains(0) else {
            throw MongoError(.configuration, "the MongoDB URI holds a NUL byte")
        }
        MongoLibrary.start()
        let parsed = try Self.parse(uri, redacted: redacted)
        defer { mongoc_uri_destroy(parsed) }
        database = mongoc_uri_get_database(parsed).map { String(cString: $0) }
        let socketTimeoutMs = mongoc_uri_get_option_as_int32(parsed, MONGOC_URI_SOCKETTIMEOUTMS, 0)
        self.socketTimeoutMs = socketTimeoutMs > 0 ? socketTimeoutMs : limits.socketTimeoutMs
    }

    /// A URI object with all settings, for the caller to destroy.
    func makeURI() throws(MongoError) -> OpaquePointer {
        let parsed = try Self.parse(uri, redacted: URIRedaction(uri))
        setDefault(parsed, MONGOC_URI_CONNECTTIMEOUTMS, limits.connectTimeoutMs)
        setDefault(parsed, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, limits.serverSelectionTimeoutMs)
        setDefault(parsed, MONGOC_URI_SOCKETTIMEOUTMS, limits.socketTimeoutMs)
        setDefault(parsed, MONGOC_URI_HEARTBEATFREQUENCYMS, limits.heartbeatFrequencyMs)
        // Never reached: there are as many clients as threads. A defect would show as an error, not as a standstill.
        mongoc_uri_set_option_as_int32(parsed, MONGOC_URI_WAITQUEUETIMEOUTMS, limits.serverSelectionTimeoutMs)
        mongoc_uri_set_option_as_int32(parsed, MONGOC_URI_MAXPOOLSIZE, Int32(connectionCount))
        mongoc_uri_set_option_as_bool(parsed, MONGOC_URI_RETRYWRITES, true)
        mongoc_uri_set_option_as_bool(parsed, MONGOC_URI_RETRYREADS, true)
        if mongoc_uri_get_appname(parsed) == nil {
            mongoc_uri_set_appname(parsed, applicationName)
        }
        setConcerns(parsed)
        return parsed
    }

    private func setDefault(_ parsed: OpaquePointer, _ option: String, _ value: Int32) {
        // Zero means the library's own default, which may be minutes.
        if mongoc_uri_get_option_as_int32(parsed, option, 0) <= 0 {
            mongoc_uri_set_option_as_int32(parsed, option, value)
        }
    }

    private func setConcerns(_ parsed: OpaquePointer) {
        let writeConcern = mongoc_write_concern_new()
        mongoc_write_concern_set_w(writeConcern, durability == .development ? 1 : MONGOC_WRITE_CONCERN_W_MAJORITY)
        mongoc_write_concern_set_wtimeout_int64(writeConcern, limits.writeConcernTimeoutMs)
        mongoc_write_concern_set_journal(writeConcern, durability == .strict)
        mongoc_uri_set_write_concern(parsed, writeConcern)
        mongoc_write_concern_destroy(writeConcern)
        let readConcern = mongoc_read_concern_new()
        // A writer has to see what was confirmed to it: less than a majority's journal is no majority's for some time.
        let level = durability == .strict ? MONGOC_READ_CONCERN_LEVEL_MAJORITY : MONGOC_READ_CONCERN_LEVEL_LOCAL
        mongoc_read_concern_set_level(readConcern, level)
        mongoc_uri_set_read_concern(parsed, readConcern)
        mongoc_read_concern_destroy(readConcern)
        let preference = mongoc_read_prefs_new(MONGOC_READ_PRIMARY)
        if case .secondaryPreferred(let seconds) = readPreference {
            mongoc_read_prefs_set_mode(preference, MONGOC_READ_SECONDARY_PREFERRED)
            mongoc_read_prefs_set_max_staleness_seconds(preference, Int64(seconds))
        }
        mongoc_uri_set_read_prefs_t(parsed, preference)
        mongoc_read_prefs_destroy(preference)
    }

    private static func parse(_ uri: String, redacted: URIRedaction) throws(MongoError) -> OpaquePointer {
        var cause = bson_error_t()
        guard let parsed = mongoc_uri_new_with_error(uri, &cause) else {
            let text = withUnsafeBytes(of: cause.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            throw MongoError(.configuration, "the MongoDB URI \(redacted.text) is not valid: \(redacted.clean(text))")
        }
        return parsed
    }
}

/// A URI without its secrets.
///
/// Works on any text, and rather hides too much than too little.
struct URIRedaction: Equatable {
    let text: String
    let hosts: String
    private let secrets: [String]

    init(_ uri: String) {
        let scheme: Substring
        var rest: Substring
        if let separator = uri.utf8.firstRange(of: "://".utf8) {
            scheme = uri[..<separator.upperBound]
            rest = uri[separator.upperBound...]
        } else {
            scheme = ""
            rest = uri[...]
        }
        var user = ""
        var secrets: [String] = []
        // The last one: a password with an unescaped @ or / must not show its tail.
        if let at = rest.lastIndex(of: "@") {
            let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            secrets = [String(rest[..<at])] + parts.dropFirst().map(String.init)
            user = parts.count > 1 ? "\(parts[0]):***@" : "\(parts[0])@"
            rest = rest[rest.index(after: at)...]
        }
        let query = rest.firstIndex(of: "?") ?? rest.endIndex
        let path = rest[..<query].firstIndex(of: "/") ?? query
        hosts = String(rest[..<path])
        var options: [String] = []
        for option in rest[query...].dropFirst().split(separator: "&") {
            let parts = option.split(separator: "=", maxSplits: 1)
            if let key = parts.first, parts.count == 2, Self.isSecret(key) {
                secrets.append(String(parts[1]))
                options.append("\(key)=***")
            } else {
                options.append(String(option))
            }
        }
        self.secrets = secrets.filter { !$0.isEmpty }.sorted { $0.utf8.count > $1.utf8.count }
        text = scheme + user + rest[..<query] + (options.isEmpty ? "" : "?" + options.joined(separator: "&"))
    }

    /// A message about the URI, without the secrets that it may quote.
    func clean(_ message: String) -> String {
        var result = message
        for secret in secrets {
            result = result.split(separator: secret, omittingEmptySubsequences: false).joined(separator: "***")
        }
        return result
    }

    private static func isSecret(_ key: Substring) -> Bool {
        let key = key.lowercased()
        return key.hasSuffix("password") || key == "authmechanismproperties"
    }
}
