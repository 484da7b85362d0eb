private import Glibc

/// An open file descriptor that is closed with its owner, and what `fstat` says about it.
final class FileDescriptor {
    let number: Int32
    let name: String
    private let closesOnDeinit: Bool

    /// Takes over a descriptor.
    ///
    /// `name` is what messages call it.
    init(number: Int32, name: String, closesOnDeinit: Bool) {
        self.number = number
        self.name = name
        self.closesOnDeinit = closesOnDeinit
    }

    /// Opens a file for reading.
    convenience init(path: String) throws(InputError) {
        let number = open(path, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { throw Self.openError(path, errno) }
        self.init(number: number, name: path, closesOnDeinit: true)
    }

    deinit {
        if closesOnDeinit { close(number) }
    }

    enum Kind {
        case regular(size: Int64)
        case directory
        case stream
    }

    func kind() throws(InputError) -> Kind {
        var status = stat()
        guard fstat(number, &status) == 0 else { throw readError(errno) }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .regular(size: Int64(status.st_size))
        case S_IFDIR: return .directory
        default: return .stream
        }
    }

    /// Reads what one call gives; zero at the end.
    func read(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
        while true {
            let count = Glibc.read(number, target.baseAddress, target.count)
            if count >= 0 { return count }
            guard errno == EINTR else { throw readError(errno) }
        }
    }

    /// Waits a moment for bytes, or for the end; false where neither came.
    func waitUntilReadable() throws(InputError) -> Bool {
        var request = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        let ready = poll(&request, 1, 100)
        guard ready < 0 else { return ready > 0 }
        guard errno == EINTR else { throw readError(errno) }
        return false
    }

    func seek(to offset: Int64) throws(InputError) {
        guard lseek(number, off_t(offset), SEEK_SET) == off_t(offset) else { throw readError(errno) }
    }

    private func readError(_ code: Int32) -> InputError {
        InputError(
            .unavailable,
            "\(name): reading failed: \(InputError.reason(errno: code)); check the disk or the share it is on"
        )
    }

    private static func openError(_ path: String, _ code: Int32) -> InputError {
        let advice =
            switch code {
            case ENOENT, ENOTDIR: "check the path"
            case EACCES, EPERM: "give the user of this process the right to read it"
            case EMFILE, ENFILE: "too many files are open: raise the limit (ulimit -n)"
            default: "check the path and the disk"
            }
        return InputError(.unavailable, "\(path): cannot be opened: \(InputError.reason(errno: code)); \(advice)")
    }

}

extension InputError {
    /// What the system calls an error of a call.
    public static func reason(errno code: Int32) -> String {
        // strerror is not thread-safe; the variant that fills a buffer is.
        var buffer = [CChar](repeating: 0, count: 256)
        guard strerror_r(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
        return buffer.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

/// A regular file, read from its beginning with large reads; skipping is a seek.
public final class FileSource: ByteSource {
    private let file: FileDescriptor
    private let size: Int64
    private var offset: Int64 = 0

    /// Opens a regular file.
    ///
    /// - Throws: `InputError` where there is none or it may not be read.
    public convenience init(path: String) throws(InputError) {
        let file = try FileDescriptor(path: path)
        guard case .regular(let size) = try file.kind() else {
            throw InputError(.unsupported, "\(path): is not a regular file; give a file, or - and a pipe")
        }
        self.init(file, size: size)
    }

    init(_ file: FileDescriptor, size: Int64) {
        self.file = file
        self.size = size
    }

    /// The size when the file was opened.
    var byteCount: Int64 { size }

    public func read(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
        var filled = 0
        while filled < target.count {
            let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: target[filled...]))
            if count == 0 { break }
            filled += count
        }
        offset += Int64(filled)
        return filled
    }

    public func skip(to offset: Int64) throws(InputError) {
        guard offset >= self.offset else { throw InputError.skipBackwards(file.name, from: self.offset, to: offset) }
        // A file that grew since it was opened may hold the offset all the same.
        guard case .regular(let size) = try file.kind(), offset <= size else {
            throw InputError.skipBeyondEnd(file.name, end: size, to: offset)
        }
        try seek(to: offset)
    }

    /// Moves to any offset within the file, also backwards.
    func seek(to offset: Int64) throws(InputError) {
        try file.seek(to: offset)
        self.offset = offset
    }
}

/// A pipe or a terminal: gives what is there at the moment and cannot seek.
public final class StandardInputSource: IncrementalSource {
    private let file: FileDescriptor
    private var offset: Int64 = 0
    /// Tells when nobody wants the bytes any more.
    var progress: InputProgress?

    /// Reads a descriptor that stays open; by default the standard input of the process.
    public convenience init(descriptor: Int32 = 0, name: String = "standard input") {
        self.init(FileDescriptor(number: descriptor, name: name, closesOnDeinit: false))
    }

    init(_ file: FileDescriptor) {
        self.file = file
    }

    public func read(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
        while try !file.waitUntilReadable() {
            if progress?.isCancelled == true {
                throw InputError(.unavailable, "\(file.name): reading was cancelled at byte \(offset)")
            }
        }
        let count = try file.read(into: target)
        offset += Int64(count)
        return count
    }

    public func skip(to offset: Int64) throws(InputError) {
        try discard(from: self.offset, to: offset, name: file.name)
    }
}

extension InputError {
    static func skipBackwards(_ name: String, from: Int64, to: Int64) -> InputError {
        InputError(.unsupported, "\(name): was read up to byte \(from) and cannot go back to \(to); open it again")
    }

    static func skipBeyondEnd(_ name: String, end: Int64, to: Int64) -> InputError {
        InputError(
            .endedEarly,
            "\(name): ends at byte \(end), before byte \(to) where an earlier run stopped; is it the same file?"
        )
    }
}

extension ByteSource {
    /// Skips by reading, for sources that cannot seek.
    func discard(from start: Int64, to end: Int64, name: String) throws(InputError) {
        guard end >= start else { throw InputError.skipBackwards(name, from: start, to: end) }
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 64)
        defer { scratch.deallocate() }
        var rest = end - start
        while rest > 0 {
            let wanted = Int(min(rest, Int64(scratch.count)))
            let count = try read(into: UnsafeMutableRawBufferPointer(rebasing: scratch[0..<wanted]))
            guard count > 0 else { throw InputError.skipBeyondEnd(name, end: end - rest, to: end) }
            rest -= Int64(count)
        }
    }
}
