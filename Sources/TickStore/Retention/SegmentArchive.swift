/// Where copies of documents are kept before their events are deleted.
///
/// Implementations are safe to use from any task.
public protocol SegmentArchive: Sendable {
    /// Keeps a file: when this returns, it survives a loss of power.
    ///
    /// A file of that name with the same content is as good.
    ///
    /// - Throws: `ArchiveError`; `differs` where a file of that name has other content, which stays as it is.
    func keep(_ bytes: [UInt8], as name: String) async throws(ArchiveError)

    /// The content of a file, read from where it is kept.
    ///
    /// - Throws: `ArchiveError`; `missing` where there is none.
    func content(of name: String) async throws(ArchiveError) -> [UInt8]
}

/// Why a file could not be archived, or is none that can be used.
public struct ArchiveError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// There is no room for it.
        case noSpace = "no_space"
        /// There is no such file or folder.
        case missing
        /// The system refused to read or to write, for any other reason.
        case unavailable
        /// Another file has its name.
        case differs
        /// It is not what was written.
        case damaged
        /// A newer program wrote it: upgrade this one.
        case newer
    }

    public let code: Code
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
