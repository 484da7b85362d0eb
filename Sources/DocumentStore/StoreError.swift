/// Why the store could not do what was asked.
///
/// Messages say what to do next and hold neither credentials nor document contents.
public struct StoreError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// No server could be reached, or none that may be written to, within the deadline.
        case unavailable
        /// The server did not accept the credentials.
        case unauthorized
        /// The server refused the operation itself; repeating it cannot help.
        case refused
        /// Another document has the same key in a unique index, which is not that of `_id`.
        case duplicateKey = "duplicate_key"
        /// A stored document does not have the form that this version reads.
        case unreadable
        /// A newer program wrote the document, in a layout that this one does not know: upgrade this one.
        case newerSchema = "newer_schema"
        /// This kind of server cannot do it, now or later; there may be another way to the same end.
        case unsupported
        /// The place in the history of changes to continue from is gone: begin anew, and read again what may have
        /// changed meanwhile.
        case historyLost = "history_lost"
        /// The document was written under a later lease: whoever asks is no longer to write it.
        case fenced
        /// A document is larger than MongoDB stores (16 MB).
        case tooLarge = "too_large"
        /// The store was closed, or the task cancelled.
        case closed
    }

    public let code: Code
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The error of a change that a unique index does not allow.
    package static func duplicateKey(inIndex name: String) -> StoreError {
        StoreError(.duplicateKey, "another document has the same key in the unique index '\(name)'")
    }

    /// Whether the same operation may succeed when it is repeated a little later.
    public var isTransient: Bool { code == .unavailable }

    /// Whether it is over one day for a program that keeps its input and waits: when the server is back, or when an
    /// operator has upgraded the program, which then goes on where it stood.
    public var isWorthWaitingFor: Bool { isTransient || code == .newerSchema }

    public var description: String { message }
}
