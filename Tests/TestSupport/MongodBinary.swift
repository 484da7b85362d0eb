import Foundation

/// Finds a mongod for tests.
enum MongodBinary {
    /// The path in `TAPEDESK_MONGOD`, or what `scripts/local-mongo` installed, or what it installs now.
    static func find() throws -> String {
        if let path = ProcessInfo.processInfo.environment["TAPEDESK_MONGOD"], !path.isEmpty { return path }
        if let path = installed() { return path }
        return try install()
    }

    private static let packageRoot = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static func installed() -> String? {
        let libraries = packageRoot.appendingPathComponent(".local/venv/lib")
        let pythons = (try? FileManager.default.contentsOfDirectory(atPath: libraries.path)) ?? []
        return pythons.sorted().lazy
            .map { libraries.appendingPathComponent($0 + "/site-packages/fiftyone/db/bin/mongod").path }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private static func install() throws -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = packageRoot.appendingPathComponent("scripts/local-mongo")
        process.arguments = ["binary"]
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let path = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard process.terminationStatus == 0, FileManager.default.isExecutableFile(atPath: path) else {
            throw LocalMongoError(description: "no mongod: set TAPEDESK_MONGOD, or run scripts/local-mongo binary")
        }
        return path
    }
}
