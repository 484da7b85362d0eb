private import Glibc
public import MarketData

/// Writes a tape to a file, always at its end.
///
/// Blocks; used by one thread at a time. What was appended is in the file after `flush`, and on the disk after `sync`.
public final class TapeWriter {
    private static let bufferBytes = 256 * 1024

    private let encoder: TapeEncoder
    private let path: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    /// The length of the file, what is still in memory included.
    public private(set) var byteCount: Int64
    /// How many bytes of a torn last record were cut off when an existing tape was opened.
    public let tornBytes: Int64

    /// Creates a tape, or goes on with one that has the same header; a torn last record is cut off first.
    ///
    /// - Throws: `InputError` where the file cannot be written, or is no tape with that header.
    public init(path: String, header: TapeHeader) throws(InputError) {
        encoder = TapeEncoder(header)
        self.path = path
        let (existing, whole) = try Self.wholeBytes(path, header)
        descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.error(path, "cannot be opened for writing", errno) }
        byteCount = whole
        tornBytes = existing - whole
        if tornBytes > 0, ftruncate(descriptor, off_t(whole)) != 0 {
            throw Self.error(path, "its torn last record cannot be cut off", errno)
        }
        guard lseek(descriptor, 0, SEEK_END) >= 0 else { throw Self.error(path, "cannot be written at its end", errno) }
        if whole == 0 {
            encoder.appendHeader(to: &buffer)
            byteCount = Int64(buffer.count)
            try flush()
        }
    }

    deinit {
        close(descriptor)
    }

    /// Appends one frame.
    ///
    /// It is in memory until the next `flush`, or until there is enough for a write.
    ///
    /// - Throws: `InputError` where the file cannot be written; `unsupported` where the frame is too long.
    public func append(
        _ kind: TapeFrameKind,
        receiptTime: Timestamp,
        connection: String,
        payload: [UInt8]
    ) throws(InputError) {
        let before = buffer.count
        do throws(TapeError) {
            try encoder.append(kind, receiptTime: receiptTime, connection: connection, payload: payload, to: &buffer)
        } catch {
            throw InputError(.unsupported, "\(path): \(error)")
        }
        byteCount += Int64(buffer.count - before)
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    /// Hands everything to the operating system.
    public func flush() throws(InputError) {
        var written = 0
        while written < buffer.count {
            let start = written
            let count = buffer.withUnsafeBytes { bytes in
                write(descriptor, bytes.baseAddress.map { $0 + start }, bytes.count - start)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                let code = errno
                // What was written must not be written again.
                buffer.removeFirst(written)
                throw Self.error(path, "cannot be written", code)
            }
            written += count
        }
        buffer.removeAll(keepingCapacity: true)
    }

    /// Brings everything to the disk.
    public func sync() throws(InputError) {
        try flush()
        guard fdatasync(descriptor) == 0 else { throw Self.error(path, "cannot be brought to the disk", errno) }
    }

    /// The length of a tape that exists, and of its whole records; zero where there is none.
    private static func wholeBytes(
        _ path: String,
        _ header: TapeHeader
    ) throws(InputError) -> (existing: Int64, whole: Int64) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_size > 0 else { return (0, 0) }
        // A header that was torn when the tape was created is written anew.
        guard let survey = try TapeSurvey(path: path) else { return (Int64(status.st_size), 0) }
        guard survey.header == header else {
            throw InputError(.unsupported, "\(path): is the tape of another source, \(printable(survey.header.source))")
        }
        return (survey.byteCount, survey.wholeBytes)
    }

    private static func error(_ path: String, _ action: String, _ code: Int32) -> InputError {
        InputError(.unavailable, "\(path): \(action): \(InputError.reason(errno: code)); check its folder and the disk")
    }
}
