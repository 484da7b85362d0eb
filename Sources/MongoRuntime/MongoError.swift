import BSON
import CLibMongoC
import CMongoShims

/// Why an operation on MongoDB did not succeed.
///
/// Messages hold neither credentials nor contents of documents: what a server quotes is cut off.
public struct MongoError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What failed, by what a caller can conclude from it.
    public enum Code: String, Sendable {
        /// The URI or a setting is wrong.
        case configuration
        /// No server could be reached that takes the operation; it was not sent.
        case serverSelection = "server_selection"
        /// A server did not accept the credentials; the operation was not sent.
        case authentication
        /// The connection broke while the operation was under way: it may or may not have happened.
        case network
        /// The server answered with an error.
        case server
        /// The operation happened, but its write concern was not fulfilled.
        case writeConcern = "write_concern"
        /// The operation could not be sent as it is: too large, or not valid.
        case invalidOperation = "invalid_operation"
        /// The server's answer could not be read.
        case invalidReply = "invalid_reply"
        /// An answer has more bytes than the caller takes.
        case resultTooLarge = "result_too_large"
        /// No connection became free within the deadline, or too many callers wait already.
        case poolExhausted = "pool_exhausted"
        /// The pool was closed, or the task cancelled, before the operation was sent.
        case closed
    }

    /// Labels by which server and driver say what to do about an error.
    public enum Label {
        public static let retryableWrite = "RetryableWriteError"
        public static let resumableChangeStream = "ResumableChangeStreamError"
        /// The transaction did nothing, for a passing reason.
        public static let transientTransaction = "TransientTransactionError"
        /// The commit may or may not have happened, and may be repeated.
        public static let unknownTransactionCommitResult = "UnknownTransactionCommitResult"
    }

    public let code: Code
    /// The server's code, for `server` and `writeConcern`; 0 elsewhere.
    public let serverCode: Int
    public let message: String
    public let labels: [String]
    /// The unique index that a duplicate key violated, as the server named it.
    public let duplicateKeyIndex: String?

    public init(
        _ code: Code,
        _ message: String,
        serverCode: Int = 0,
        labels: [String] = [],
        duplicateKeyIndex: String? = nil
    ) {
        self.code = code
        self.serverCode = serverCode
        self.message = message
        self.labels = labels
        self.duplicateKeyIndex = duplicateKeyIndex
    }

    public func has(label: String) -> Bool { labels.contains(label) }

    /// Whether the same operation may succeed a little later.
    public var isTransient: Bool {
        switch code {
        case .serverSelection, .network, .poolExhausted: true
        case .server:
            ServerCode.stateChange.contains(serverCode) || ServerCode.contention.contains(serverCode)
                || ServerCode.routing.contains(serverCode)
                || has(label: Label.retryableWrite) || has(label: Label.transientTransaction)
        case .configuration, .authentication, .writeConcern, .invalidOperation, .invalidReply, .resultTooLarge,
            .closed:
            false
        }
    }

    public var description: String { message }
}

/// Codes of the server that decisions depend on (mongodb/mongo, base/error_codes.yml).
public enum ServerCode {
    public static let unauthorized = 13
    public static let authenticationFailed = 18
    public static let namespaceNotFound = 26
    public static let namespaceExists = 48
    public static let commandNotFound = 59
    public static let documentValidationFailure = 121
    public static let duplicateKey = 11_000
    /// A document, or what an update would make of it, exceeds 16 MB.
    public static let tooLarge: Set<Int> = [10_334, 17_280, 17_419, 17_420]
    /// The server stops being the primary, shuts down, or lost its peers: the operation may or may not have happened.
    public static let stateChange: Set<Int> = [
        6, 7, 89, 91, 134, 189, 262, 9_001, 10_058, 10_107, 11_600, 11_602, 13_435, 13_436,
    ]
    /// The operation was given up in favour of another one, or for want of time, and did nothing.
    public static let contention: Set<Int> = [24, 46, 112, 117, 202]
    /// Where documents are changed while the operation was under way, and a router gave up following that.
    ///
    /// The shard that answers so did nothing, but another one, or an attempt before, may have: StaleShardVersion,
    /// FailedToSatisfyReadPreference (a shard has no primary), StaleEpoch, StaleDbVersion, StaleConfig. A shard that
    /// was added or removed is not known everywhere at once: ShardNotFound.
    public static let routing: Set<Int> = [63, 70, 133, 150, 249, 13_388]
    /// The cursor of a read is no longer there.
    public static let cursorNotFound = 43
    /// The server, or a server of this kind, has no change streams.
    public static let noChangeStreams: Set<Int> = [20, 59, 115, 238, 40_324, 40_573]
    /// The server is of a kind that has no transactions.
    public static let noTransactions = 20
    /// The server, or a server of this kind, cannot read a snapshot outside of a transaction.
    public static let noSnapshots: Set<Int> = [20, 72, 115, 123, 148, 238]
    /// The server no longer has, or does not have yet, the time that a snapshot shows.
    public static let snapshotLost: Set<Int> = [239, 246]
    /// A change stream cannot continue from the given place.
    public static let changesLost: Set<Int> = [136, 260, 280, 286]
    /// The operation ran into its time limit.
    public static let timeLimit = 50
}

extension MongoError {
    /// The error of a call, from its parts as libmongoc reports them.
    init(_ error: td_error, reply: BSONDocument) {
        var error = error
        let text = String(cString: td_error_message(&error))
        let labels = Self.labels(in: reply)
        let code = Self.code(domain: error.domain, code: error.code)
        let serverCode = code == .server || code == .writeConcern ? Int(error.code) : 0
        self.init(
            code,
            Self.withoutContents(text),
            serverCode: serverCode,
            labels: labels,
            duplicateKeyIndex: serverCode == ServerCode.duplicateKey ? Self.duplicateKeyIndex(in: text) : nil
        )
    }

    private static func code(domain: UInt32, code: UInt32) -> Code {
        switch domain {
        case MONGOC_ERROR_SERVER_SELECTION.rawValue:
            return .serverSelection
        case MONGOC_ERROR_CLIENT.rawValue:
            return code == MONGOC_ERROR_CLIENT_AUTHENTICATE.rawValue ? .authentication : .invalidOperation
        case MONGOC_ERROR_SASL.rawValue, MONGOC_ERROR_SCRAM.rawValue:
            return .authentication
        case MONGOC_ERROR_STREAM.rawValue:
            // These happen while a connection is made, before anything is sent on it.
            let connecting = [
                MONGOC_ERROR_STREAM_CONNECT.rawValue, MONGOC_ERROR_STREAM_NAME_RESOLUTION.rawValue,
                MONGOC_ERROR_STREAM_NOT_ESTABLISHED.rawValue,
            ]
            return connecting.contains(code) ? .serverSelection : .network
        case MONGOC_ERROR_SERVER.rawValue:
            return .server
        case MONGOC_ERROR_WRITE_CONCERN.rawValue:
            return .writeConcern
        case MONGOC_ERROR_PROTOCOL.rawValue:
            return .invalidReply
        default:
            return .invalidOperation
        }
    }

    /// Labels are at the top of a reply, and also under a write-concern error.
    static func labels(in reply: BSONDocument) -> [String] {
        let places = [reply, reply["writeConcernError"]?.document].compactMap(\.self)
        return places.flatMap { $0["errorLabels"]?.array ?? [] }.compactMap(\.string)
    }

    /// A server's text up to the point where it quotes a document or a value.
    static func withoutContents(_ text: String) -> String {
        let quoted = text.firstIndex { "{\"".contains($0) } ?? text.endIndex
        var kept = text[..<quoted]
        if kept.hasSuffix(" dup key: ") {
            kept = kept.dropLast(" dup key: ".count)
        }
        return String(decoding: kept.utf8.prefix(400), as: UTF8.self)
    }

    /// The name between "index: " and the quoted key of a duplicate-key message.
    static func duplicateKeyIndex(in text: String) -> String? {
        let words = text.split(separator: " ")
        guard let label = words.firstIndex(of: "index:"), label + 1 < words.endIndex else { return nil }
        return String(words[label + 1])
    }
}
