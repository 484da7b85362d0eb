import Foundation

/// A folder that is removed with its last reference.
final class TemporaryFolder: Sendable {
    private let base: String

    init() throws {
        base = NSTemporaryDirectory() + "/tapedesk-configuration-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: base, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: base)
    }

    func path(_ name: String) -> String { base + "/" + name }

    /// Writes a file that only its owner may read, unless told otherwise, and returns its path.
    func write(_ name: String, _ bytes: [UInt8], permissions: Int = 0o600) throws -> String {
        try Data(bytes).write(to: URL(filePath: path(name)))
        try FileManager.default.setAttributes([.posixPermissions: permissions], ofItemAtPath: path(name))
        return path(name)
    }
}
