import Feeds
private import Glibc
private import Synchronization

/// What waits to be delivered to one recipient: a folder with a file for each letter, oldest first.
///
/// A letter is on the disk before `put` returns, under a name that sorts by age, and stays there until it was delivered
/// or is given up: those are kept in the folder `dead`, for people. Safe to use from any thread.
package final class Outbox: Sendable {
    /// A letter that waits.
    package struct Letter: Equatable, Sendable {
        package let name: String
        package let bytes: [UInt8]
    }

    /// Why a folder or a file of it cannot be used.
    package struct Failure: Error, CustomStringConvertible, Sendable {
        package let description: String
    }

    private let folder: String
    private let state: Mutex<State>
    private let arrivals = Signal()

    private struct State {
        /// The names of those that wait, in order.
        var waiting: [String]
        var nextNumber: UInt64
    }

    /// Beyond so many letters, further ones are not taken: a recipient that is away for ever must not fill the disk.
    private static let lettersMax = 100_000
    private static let dead = "dead"
    private static let suffix = ".json"
    private static let digits = 20

    /// Opens a folder, or makes it.
    ///
    /// - Throws: `Failure`.
    package init(folder: String) throws(Failure) {
        self.folder = folder
        try Self.make(folder)
        try Self.make(folder + "/" + Self.dead)
        let names = try Self.names(in: folder).filter { $0.hasSuffix(Self.suffix) && !$0.hasPrefix(".") }.sorted()
        // Also those that were given up: a new letter must not take the name of one.
        let known = names + (try Self.names(in: folder + "/" + Self.dead))
        let last = known.compactMap { UInt64($0.prefix(Self.digits)) }.max() ?? 0
        state = Mutex(State(waiting: names, nextNumber: last + 1))
    }

    /// How many letters wait.
    package var count: Int { state.withLock { $0.waiting.count } }

    /// Takes a letter.
    ///
    /// - Throws: `Failure` where the disk does not take it, or too many wait.
    package func put(_ bytes: [UInt8]) throws(Failure) {
        let number = state.withLock { state -> UInt64? in
            guard state.waiting.count < Self.lettersMax else { return nil }
            state.nextNumber += 1
            return state.nextNumber - 1
        }
        guard let number else {
            throw Failure(description: "\(folder): \(Self.lettersMax) letters wait already")
        }
        let digits = String(number)
        let name = String(repeating: "0", count: Self.digits - digits.count) + digits + Self.suffix
        try write(bytes, to: name)
        state.withLock { state in
            let place = state.waiting.lastIndex { $0 < name }.map { $0 + 1 } ?? 0
            state.waiting.insert(name, at: place)
        }
        arrivals.raise()
    }

    /// Waits for a letter to come, or the task to be cancelled; one task at a time.
    package func wait() async { await arrivals.wait() }

    /// The oldest letter; nil where none waits.
    ///
    /// - Throws: `Failure` where it cannot be read.
    package func first() throws(Failure) -> Letter? {
        guard let name = state.withLock({ $0.waiting.first }) else { return nil }
        let path = "\(folder)/\(name)"
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        // Somebody deleted it: that is their decision.
        if descriptor < 0, errno == ENOENT {
            forget(name)
            return try first()
        }
        guard descriptor >= 0 else { throw Self.failure(path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            guard count >= 0 else { throw Self.failure(path) }
            if count == 0 { return Letter(name: name, bytes: bytes) }
            bytes += chunk[..<count]
        }
    }

    /// The letter was delivered.
    ///
    /// - Throws: `Failure` where its file cannot be deleted: it would be delivered again after a restart.
    package func remove(_ letter: Letter) throws(Failure) {
        let path = "\(folder)/\(letter.name)"
        guard unlink(path) == 0 || errno == ENOENT else { throw Self.failure(path) }
        forget(letter.name)
    }

    /// The letter is given up.
    ///
    /// - Throws: `Failure` where its file cannot be moved.
    package func bury(_ letter: Letter) throws(Failure) {
        let path = "\(folder)/\(letter.name)"
        guard rename(path, "\(folder)/\(Self.dead)/\(letter.name)") == 0 else { throw Self.failure(path) }
        forget(letter.name)
    }

    private func forget(_ name: String) { state.withLock { $0.waiting.removeAll { $0 == name } } }

    // MARK: Files

    private func write(_ bytes: [UInt8], to name: String) throws(Failure) {
        let draft = "\(folder)/.\(name)"
        do throws(Failure) {
            try write(bytes, draft: draft, to: name)
        } catch {
            unlink(draft)
            throw error
        }
    }

    private func write(_ bytes: [UInt8], draft: String, to name: String) throws(Failure) {
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure(draft) }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { throw Self.failure(draft) }
            rest = rest.dropFirst(count)
        }
        guard fsync(descriptor) == 0, rename(draft, "\(folder)/\(name)") == 0 else { throw Self.failure(draft) }
        try Self.synchronise(folder)
    }

    /// Brings the names of a folder onto the disk.
    private static func synchronise(_ folder: String) throws(Failure) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(folder) }
    }

    private static func make(_ folder: String) throws(Failure) {
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else { throw failure(folder) }
    }

    private static func names(in folder: String) throws(Failure) -> [String] {
        guard let names = FolderListing.names(in: folder) else { throw failure(folder) }
        return names
    }

    private static func failure(_ path: String) -> Failure {
        Failure(description: "\(path): \(InputError.reason(errno: errno))")
    }
}
