import Foundation

/// What the tests run: the built programs, and recordings that are not part of the repository.
enum Product {
    /// The folder of Package.swift.
    static let packageRoot = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The program under test: `TAPEDESK_BINARY`, else the release build, else the build beside the tests.
    static let tapedesk = program("tapedesk", variable: "TAPEDESK_BINARY")
    /// The generator of sample feeds.
    static let sampleGenerator = program("tapedesk-sample", variable: "TAPEDESK_SAMPLE_BINARY")

    static var isBuilt: Bool { tapedesk != nil && sampleGenerator != nil }
    static let whyNotBuilt = "there is no tapedesk to test: set TAPEDESK_BINARY, or run swift build -c release"

    static var hasSharedData: Bool { FileManager.default.fileExists(atPath: shared("MANIFEST.json")) }
    static let whyNoSharedData = "there are no recordings beside the repository, in ../shared/data"

    /// The path of a recording in the folder that lies beside the repository.
    static func shared(_ path: String) -> String {
        packageRoot.deletingLastPathComponent().appendingPathComponent("shared/data/" + path).path
    }

    /// The path of a script that computes expected results on its own.
    static func oracle(_ name: String) -> String {
        packageRoot.appendingPathComponent("Tests/SystemTests/Oracles/" + name).path
    }

    /// Whether a program such as `zstd` can be run.
    static func hasTool(_ name: String) -> Bool {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
            FileManager.default.isExecutableFile(atPath: $0 + "/" + name)
        }
    }

    private static func program(_ name: String, variable: String) -> String? {
        if let path = ProcessInfo.processInfo.environment[variable], !path.isEmpty { return path }
        // The test bundle lies in the folder of the build that it belongs to.
        let builds = [".build/release/" + name, ".build/debug/" + name]
        return builds.map { packageRoot.appendingPathComponent($0).path }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
