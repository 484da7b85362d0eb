/// A place between two records of a live tape, counted from the tape's beginning over all of its segments.
public struct TapeMark: Hashable, Comparable, Sendable {
    /// The line that follows, as positions of events count them.
    public var line: Int64
    /// The offset where it begins.
    public var offset: Int64

    public init(line: Int64 = 0, offset: Int64 = 0) {
        self.line = line
        self.offset = offset
    }

    public static func < (left: TapeMark, right: TapeMark) -> Bool { left.offset < right.offset }
}

/// Why a live tape cannot be opened, read or written.
///
/// Messages name the file and what to do.
public struct LiveTapeError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// A file or folder cannot be used.
        case unavailable
        /// Another process writes the tape.
        case inUse = "in_use"
        /// The folder holds something else, or the tape is not whole.
        case damaged
        /// The tape has as many bytes as it may have.
        case full
        /// A frame is too long.
        case tooLong = "too_long"
        /// The tape was closed.
        case closed
    }

    public let code: Code
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
