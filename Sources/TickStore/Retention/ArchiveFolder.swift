private import Glibc

/// An archive that is a folder: one file for each document.
///
/// Safe to use from any task, and from several processes at once.
public struct ArchiveFolder: SegmentArchive {
    private let path: String

    /// - Parameter path: a folder, which has to be there.
    public init(path: String) {
        self.path = path
    }

    public func keep(_ bytes: [UInt8], as name: String) async throws(ArchiveError) {
        let target = "\(path)/\(name)"
        if let file = try OpenFile(reading: target) {
            guard try file.content() == bytes else {
                throw ArchiveError(.differs, "\(target): another file has this name; move it away, it is not touched")
            }
            // Whoever wrote it may have been killed before it was safe.
            try file.flush()
        } else {
            try write(bytes, to: target, name)
        }
        guard let folder = try OpenFile(reading: path) else { throw OpenFile.error(path, ENOENT) }
        try folder.flush()
    }

    public func content(of name: String) async throws(ArchiveError) -> [UInt8] {
        try Self.content(ofFile: "\(path)/\(name)")
    }

    /// The content of a file of an archive, wherever it is.
    ///
    /// - Throws: `ArchiveError`.
    public static func content(ofFile path: String) throws(ArchiveError) -> [UInt8] {
        guard let file = try OpenFile(reading: path) else { throw OpenFile.error(path, ENOENT) }
        return try file.content()
    }

    /// Writes under another name first: under its own, a file is whole at every moment.
    private func write(_ bytes: [UInt8], to target: String, _ name: String) throws(ArchiveError) {
        let file = try OpenFile(creatingLike: "\(path)/.\(name).")
        do throws(ArchiveError) {
            try file.write(bytes)
            try file.flush()
            guard rename(file.path, target) == 0 else { throw OpenFile.error(target, errno) }
        } catch {
            unlink(file.path)
            throw error
        }
    }
}

/// A file that is closed with its owner.
private final class OpenFile {
    let path: String
    private let descriptor: Int32

    /// Opens a file or a folder; nil where there is none.
    init?(reading path: String) throws(ArchiveError) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        self.path = path
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw Self.error(path, errno)
        }
    }

    /// Creates a file whose name begins with `prefix`, and is nobody else's.
    init(creatingLike prefix: String) throws(ArchiveError) {
        var template = Array((prefix + "XXXXXX").utf8CString)
        descriptor = mkstemp(&template)
        path = template.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        guard descriptor >= 0 else { throw Self.error(prefix, errno) }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    func write(_ bytes: [UInt8]) throws(ArchiveError) {
        var start = 0
        while start < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress?.advanced(by: start), $0.count - start)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.error(path, errno) }
            start += count
        }
    }

    /// Waits until the disk has it, and lets the system forget it, so that it is read from there.
    func flush() throws(ArchiveError) {
        guard fsync(descriptor) == 0 else { throw Self.error(path, errno) }
        _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
    }

    func content() throws(ArchiveError) -> [UInt8] {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.error(path, errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw ArchiveError(.unavailable, "\(path): is not a regular file")
        }
        guard status.st_size <= off_t(ArchivedSegment.fileBytesMax) else {
            throw ArchiveError(.damaged, "the file is larger than any of an archive")
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count <= ArchivedSegment.fileBytesMax {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.error(path, errno) }
            guard count > 0 else { break }
            bytes.append(contentsOf: chunk[..<count])
        }
        return bytes
    }

    static func error(_ path: String, _ number: Int32) -> ArchiveError {
        // strerror is not thread-safe; the variant that fills a buffer is.
        var buffer = [CChar](repeating: 0, count: 256)
        _ = strerror_r(number, &buffer, buffer.count)
        let reason = buffer.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        switch number {
        case ENOSPC, EDQUOT: return ArchiveError(.noSpace, "\(path): \(reason); make room, or name another folder")
        case ENOENT, ENOTDIR: return ArchiveError(.missing, "\(path): \(reason); check the path")
        default: return ArchiveError(.unavailable, "\(path): \(reason)")
        }
    }
}
