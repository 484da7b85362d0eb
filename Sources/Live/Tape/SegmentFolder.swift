import Feeds
private import Glibc

/// One file of a live tape, named by where it begins: `<line>-<offset>.tape`, twenty digits each.
struct Segment: Equatable, Sendable {
    let start: TapeMark

    private static let digits = 20

    var name: String { "\(Self.padded(start.line))-\(Self.padded(start.offset)).tape" }

    init(start: TapeMark) {
        self.start = start
    }

    /// The segment of a file's name; nil where it is none.
    init?(name: String) {
        let parts = name.split(separator: "-")
        guard parts.count == 2, parts[0].utf8.count == Self.digits, parts[1].hasSuffix(".tape"),
            let line = Int64(parts[0]), let offset = Int64(parts[1].dropLast(5))
        else { return nil }
        self.init(start: TapeMark(line: line, offset: offset))
        guard self.name == name else { return nil }
    }

    private static func padded(_ number: Int64) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}

/// The folder with the segments of one live tape.
///
/// Blocks; each call of one thread at a time. Of two processes only one holds the folder.
final class SegmentFolder {
    let path: String
    private let lock: Int32
    private var current: Int32 = -1
    /// The length of the current segment, as far as it is on the disk.
    private var length: Int64 = 0

    /// Makes the folder where it is not there, and takes it.
    ///
    /// - Throws: `LiveTapeError`.
    init(path: String) throws(LiveTapeError) {
        self.path = path
        guard mkdir(path, 0o750) == 0 || errno == EEXIST else { throw Self.error(path, "cannot be made", errno) }
        let file = path + "/lock"
        lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard lock >= 0 else { throw Self.error(file, "cannot be opened", errno) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            // The lock is closed by `deinit`, which runs also where this throws.
            let code = errno
            guard code == EWOULDBLOCK else { throw Self.error(file, "cannot be locked", code) }
            throw LiveTapeError(.inUse, "\(path): another process writes this tape; stop it first")
        }
    }

    deinit {
        if current >= 0 { close(current) }
        close(lock)
    }

    /// Lets another tape take the folder; nothing is written from then on.
    func release() { _ = flock(lock, LOCK_UN) }

    func path(of segment: Segment) -> String { path + "/" + segment.name }

    /// The segments that are there, in order.
    func segments() throws(LiveTapeError) -> [Segment] { try Self.segments(in: path) }

    /// The segments in a folder, in order.
    static func segments(in path: String) throws(LiveTapeError) -> [Segment] {
        guard let names = FolderListing.names(in: path) else { throw error(path, "cannot be listed", errno) }
        return names.compactMap(Segment.init(name:)).sorted { $0.start < $1.start }
    }

    /// The length of a segment's file.
    func byteCount(of segment: Segment) throws(LiveTapeError) -> Int64 {
        var status = stat()
        guard stat(path(of: segment), &status) == 0 else {
            throw Self.error(path(of: segment), "cannot be looked at", errno)
        }
        return Int64(status.st_size)
    }

    /// Begins a segment, in the place of what an earlier try left of it.
    func create(_ segment: Segment) throws(LiveTapeError) {
        let file = path(of: segment)
        let descriptor = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw Self.error(file, "cannot be made", errno) }
        // The name must be on the disk as well.
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { if folder >= 0 { close(folder) } }
        guard folder >= 0, fsync(folder) == 0 else {
            let code = errno
            close(descriptor)
            throw Self.error(path, "cannot be brought to the disk", code)
        }
        take(descriptor, length: 0)
    }

    /// Goes on with a segment behind its whole records; what is behind them is cut off.
    func resume(_ segment: Segment, wholeBytes: Int64) throws(LiveTapeError) {
        let file = path(of: segment)
        let descriptor = open(file, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.error(file, "cannot be opened for writing", errno) }
        guard ftruncate(descriptor, off_t(wholeBytes)) == 0, fdatasync(descriptor) == 0 else {
            let code = errno
            close(descriptor)
            throw Self.error(file, "its torn last record cannot be cut off", code)
        }
        take(descriptor, length: wholeBytes)
    }

    private func take(_ descriptor: Int32, length: Int64) {
        if current >= 0 { close(current) }
        current = descriptor
        self.length = length
    }

    /// Appends bytes to the current segment and brings them to the disk: all of them, or none.
    ///
    /// A failed write to the disk may have lost what it was about, whatever the cache says, so the next try writes
    /// everything again.
    func append(_ bytes: [UInt8]) throws(LiveTapeError) {
        var written = 0
        while written < bytes.count {
            let start = written
            let count = bytes.withUnsafeBytes {
                pwrite(current, $0.baseAddress.map { $0 + start }, bytes.count - start, off_t(length + Int64(start)))
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failedAppend(errno) }
            written += count
        }
        guard fdatasync(current) == 0 else { throw failedAppend(errno) }
        length += Int64(bytes.count)
    }

    private func failedAppend(_ code: Int32) -> LiveTapeError {
        ftruncate(current, off_t(length))
        return Self.error(path, "cannot be written", code)
    }

    /// Deletes everything, and the folder.
    func removeAll() throws(LiveTapeError) {
        for segment in try segments() { try remove(segment) }
        unlink(path + "/lock")
        guard rmdir(path) == 0 || errno == ENOENT else { throw Self.error(path, "cannot be deleted", errno) }
    }

    /// Deletes a segment's file.
    func remove(_ segment: Segment) throws(LiveTapeError) {
        guard unlink(path(of: segment)) == 0 || errno == ENOENT else {
            throw Self.error(path(of: segment), "cannot be deleted", errno)
        }
    }

    private static func error(_ path: String, _ action: String, _ code: Int32) -> LiveTapeError {
        let reason = InputError.reason(errno: code)
        return LiveTapeError(.unavailable, "\(path): \(action): \(reason); check the folder and the disk")
    }
}
