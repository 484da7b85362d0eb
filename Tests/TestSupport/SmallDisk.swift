import Foundation

/// A file system of little room, for tests of what happens when it is full.
///
/// It is in memory, and is mounted where only one process sees it (`unshare`), which holds it until this process ends.
/// Others reach it by way of that process, under `/proc`.
public final class SmallDisk: Sendable {
    /// Where files can be put.
    public let folder: String

    /// Mounts, says where, and waits; arguments: the place, the options, and the file that gets the process identifier.
    private static let script = """
        mount -t tmpfs -o "$2" tmpfs "$1" && echo $$ >"$3.new" && mv "$3.new" "$3" && exec sleep infinity
        """
    private static let unshare = ["unshare", "--user", "--map-root-user", "--mount"]

    /// Whether the system lets this user mount such a file system.
    public static let isAvailable: Bool = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = unshare + ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/mnt"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()

    private init(folder: String) { self.folder = folder }

    /// Runs a test with such a file system.
    public static func run(megabytes: Int, _ body: (SmallDisk) async throws -> Void) async throws {
        let outer = try LocalMongo.makeFolder()
        let place = outer + "/disk"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        let note = outer + "/pid"
        let holder = try WatchedProcess(
            unshare + ["sh", "-c", script, "disk", place, "size=\(megabytes)m", note],
            removingAtEnd: outer
        )
        defer {
            holder.end(.kill)
            try? FileManager.default.removeItem(atPath: outer)
        }
        let deadline = ContinuousClock.now + .seconds(30)
        while !FileManager.default.fileExists(atPath: note) {
            guard ContinuousClock.now < deadline else { throw LocalMongoError(description: "no disk was mounted") }
            try await Task.sleep(for: .milliseconds(10))
        }
        let pid = try String(contentsOfFile: note, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        try await body(SmallDisk(folder: "/proc/\(pid)/root\(place)"))
    }

    private var ballast: String { folder + "/ballast" }

    /// Takes all room that is left.
    public func fill() throws {
        guard FileManager.default.createFile(atPath: ballast, contents: nil),
            let file = FileHandle(forWritingAtPath: ballast)
        else { throw LocalMongoError(description: "no file can be made in \(folder)") }
        defer { try? file.close() }
        for size in [1 << 20, 4_096] {
            let piece = Data(count: size)
            while (try? file.write(contentsOf: piece)) != nil {}
        }
    }

    /// Gives back what `fill` took.
    public func free() throws { try FileManager.default.removeItem(atPath: ballast) }
}
