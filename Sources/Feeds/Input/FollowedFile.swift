private import Glibc

/// A file that somebody else appends to: gives what is there, and waits for more.
///
/// It ends where another file took its place, as rotation of logs does, once everything of this one was read. A file
/// that was cut shorter ends with an error: what followed is not known.
public final class FollowedFile: IncrementalSource {
    private let file: FileDescriptor
    let path: String
    /// Cancelling it ends reading.
    let progress = InputProgress()
    private var offset: Int64 = 0

    /// A file that grows is looked at so often, in milliseconds.
    private static let interval: Int32 = 100

    /// Opens a file.
    ///
    /// - Throws: `InputError` where there is none, or it is no regular file.
    public init(path: String) throws(InputError) {
        file = try FileDescriptor(path: path)
        self.path = path
        guard case .regular = try file.kind() else {
            throw InputError(.unsupported, "\(path): is no regular file: only those are followed")
        }
    }

    /// The first two lines, which tell a file from the next one of its name; all of it where another file took its
    /// place before it had so many; nil where they may still come.
    ///
    /// To be asked before anything is read.
    ///
    /// - Throws: `InputError`.
    public func beginning() throws(InputError) -> [UInt8]? {
        let wasReplaced = try isReplaced()
        let head = try self.head()
        var lines = 0
        for (index, byte) in head.enumerated() where byte == UInt8(ascii: "\n") {
            lines += 1
            if lines == 2 { return Array(head[...index]) }
        }
        return wasReplaced || head.count >= TapeInput.headBytes ? head : nil
    }

    /// What is there of the first bytes.
    func head() throws(InputError) -> [UInt8] {
        guard case .regular(let size) = try file.kind() else { return [] }
        try file.seek(to: 0)
        let (head, _) = try FileSource(file, size: size).peeking(TapeInput.headBytes)
        try file.seek(to: 0)
        return head
    }

    public func read(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
        while true {
            let wasReplaced = try isReplaced()
            let count = try file.read(into: target)
            if count > 0 {
                offset += Int64(count)
                return count
            }
            // It was replaced before it was found to be read to its end: nobody appends to it any more.
            if wasReplaced { return 0 }
            if case .regular(let size) = try file.kind(), size < offset {
                throw InputError(
                    .damaged,
                    "\(path): was cut from \(offset) to \(size) bytes while it was followed: what was written in place "
                        + "of the rest is not known to be new. Rotate by renaming instead"
                )
            }
            if progress.isCancelled { throw InputError(.unavailable, "\(path): following it ended at byte \(offset)") }
            poll(nil, 0, Self.interval)
        }
    }

    public func skip(to offset: Int64) throws(InputError) {
        guard offset >= self.offset else { throw InputError.skipBackwards(path, from: self.offset, to: offset) }
        guard case .regular(let size) = try file.kind(), offset <= size else {
            throw InputError.skipBeyondEnd(path, end: self.offset, to: offset)
        }
        try file.seek(to: offset)
        self.offset = offset
    }

    /// Whether the path leads to another file by now.
    private func isReplaced() throws(InputError) -> Bool {
        var own = stat()
        var current = stat()
        guard fstat(file.number, &own) == 0 else { return false }
        // Between the two steps of a rotation there is none.
        guard stat(path, &current) == 0 else { return false }
        return own.st_ino != current.st_ino || own.st_dev != current.st_dev
    }
}
