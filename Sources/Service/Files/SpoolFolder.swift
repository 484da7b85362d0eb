import Feeds
private import Glibc

/// A folder that others put files into, which are taken when they are complete.
///
/// A file is complete when it came by renaming, or whoever wrote it closed it. Until then it has a name that begins
/// with a dot or ends with `.tmp` or `.part`, or somebody has it open for writing, or, where the system cannot tell
/// that, it was changed a moment ago. What was stored goes to the folder `done`, what cannot be read to `failed`.
struct SpoolFolder: Sendable {
    /// Why the folder cannot be used.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let path: String

    private static let done = "done"
    private static let failed = "failed"
    private static let openSuffixes = [".tmp", ".part", ".partial"]
    /// Where the system does not tell who writes, a file that was not changed for so many seconds is complete.
    private static let quietSeconds = 5
    /// `F_SETLEASE` of Linux, which the headers show to GNU sources only.
    private static let setLease: Int32 = 1_024

    /// Makes the folder and those for what was read, where they are missing.
    ///
    /// - Throws: `Failure`.
    func prepare() throws(Failure) {
        for folder in [path, "\(path)/\(Self.done)", "\(path)/\(Self.failed)"] {
            guard mkdir(folder, 0o770) == 0 || errno == EEXIST else { throw failure("cannot make \(folder)") }
        }
    }

    /// The complete files by their names, those that were changed first before the others.
    ///
    /// - Throws: `Failure`.
    func complete() throws(Failure) -> [String] {
        guard let names = FolderListing.names(in: path) else { throw failure("cannot be read") }
        var files: [(name: String, time: Int, nanoseconds: Int)] = []
        for name in names {
            guard !name.hasPrefix("."), !Self.openSuffixes.contains(where: name.hasSuffix) else { continue }
            var status = stat()
            guard stat("\(path)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            guard !isBeingWritten(name, changed: status.st_mtim.tv_sec) else { continue }
            files.append((name, status.st_mtim.tv_sec, status.st_mtim.tv_nsec))
        }
        return files.sorted { ($0.time, $0.nanoseconds, $0.name) < ($1.time, $1.nanoseconds, $1.name) }.map(\.name)
    }

    /// The file was stored.
    ///
    /// - Throws: `Failure`.
    func putAway(_ name: String) throws(Failure) { try move(name, to: Self.done) }

    /// The file cannot be stored.
    ///
    /// - Throws: `Failure`.
    func reject(_ name: String) throws(Failure) { try move(name, to: Self.failed) }

    /// A name that was there before is not overwritten: the new file gets a number.
    private func move(_ name: String, to folder: String) throws(Failure) {
        var target = "\(path)/\(folder)/\(name)"
        var number = 1
        while access(target, F_OK) == 0 {
            number += 1
            target = "\(path)/\(folder)/\(name).\(number)"
        }
        guard rename("\(path)/\(name)", target) == 0 else { throw failure("cannot move \(name) to \(folder)") }
    }

    /// A lease for reading is given where nobody has the file open for writing: fcntl(2).
    private func isBeingWritten(_ name: String, changed seconds: Int) -> Bool {
        let descriptor = open("\(path)/\(name)", O_RDONLY | O_CLOEXEC)
        // Reading it says why it cannot be opened.
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        if fcntl(descriptor, Self.setLease, F_RDLCK) == 0 {
            _ = fcntl(descriptor, Self.setLease, F_UNLCK)
            return false
        }
        if errno == EAGAIN { return true }
        return time(nil) - seconds < Self.quietSeconds
    }

    private func failure(_ what: String) -> Failure {
        Failure(description: "\(path): \(what): \(InputError.reason(errno: errno))")
    }
}
