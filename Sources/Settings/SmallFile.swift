private import Glibc

/// A file that is read in one go, with a bound.
package struct SmallFile {
    /// Why a file could not be read.
    package enum Failure: Error, Equatable {
        /// There is none of this name.
        case missing
        /// It is a folder.
        case folder
        /// It has more bytes than are taken.
        case tooLong(bytesMax: Int)
        /// Anything else, in the system's words.
        case unreadable(cause: String)
    }

    /// The content.
    package let bytes: [UInt8]
    /// Whether somebody else than the owner may read, change or run it.
    let isOpenToOthers: Bool

    /// Reads a file, or a pipe to its end.
    package static func read(_ path: String, bytesMax: Int) throws(Failure) -> SmallFile {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure(errno) }
        guard status.st_mode & S_IFMT != S_IFDIR else { throw .folder }
        let bytes = try content(descriptor, bytesMax: bytesMax)
        return SmallFile(bytes: bytes, isOpenToOthers: status.st_mode & 0o077 != 0)
    }

    private static func content(_ descriptor: Int32, bytesMax: Int) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(errno) }
            guard count > 0 else { return bytes }
            guard bytes.count + count <= bytesMax else { throw .tooLong(bytesMax: bytesMax) }
            bytes.append(contentsOf: chunk[..<count])
        }
    }

    private static func failure(_ number: Int32) -> Failure {
        number == ENOENT || number == ENOTDIR ? .missing : .unreadable(cause: String(cString: strerror(number)))
    }
}
