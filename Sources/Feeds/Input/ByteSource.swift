/// Bytes of a tape in order, decompressed.
///
/// Blocks while it reads; used by one thread at a time.
public protocol ByteSource: AnyObject {
    /// Fills `target` from the front and returns how many bytes were written; zero at the end.
    ///
    /// - Throws: `InputError`.
    func read(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int

    /// Skips to an offset of the decompressed bytes that is not behind the current one.
    ///
    /// - Throws: `InputError`, with code `endedEarly` where there are fewer bytes.
    func skip(to offset: Int64) throws(InputError)
}

/// Why an input could not be read.
///
/// Messages name the input, the place and what to do.
public struct InputError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// There is no such file, or it may not be read.
        case unavailable
        /// The compressed data is damaged.
        case damaged
        /// The compressed data, or an archive, ends before it says it does.
        case endedEarly = "ended_early"
        /// The input is of a kind that is not read.
        case unsupported
    }

    public let code: Code
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
