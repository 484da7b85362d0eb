import Foundation
import Testing

/// Rules about the sources that no compiler checks: who imports whom, and what is not written at all.
@Suite struct TidyTests {
    /// Which modules of this package each target may import; docs/decisions/0002 says why MongoStore is there.
    static let edges: [String: Set<String>] = [
        "BSON": [],
        "DocumentStore": ["BSON"],
        "SimulatedStore": ["BSON", "DocumentStore"],
        "MongoRuntime": ["BSON", "CLibMongoC", "CMongoShims"],
        "Sharding": ["BSON", "DocumentStore"],
        "MongoStore": ["BSON", "DocumentStore", "MongoRuntime", "Sharding"],
        "MarketData": [],
        "TickCodec": ["CChecksum", "MarketData"],
        "Feeds": ["CChecksum", "CSimdJSON", "CZlib", "CZstd", "MarketData"],
        "Records": ["BSON", "DocumentStore"],
        "TickStore": ["BSON", "CChecksum", "CZstd", "DocumentStore", "MarketData", "Records", "TickCodec"],
        "Digests": ["CLibCrypto"],
        "Leases": ["BSON", "Digests", "DocumentStore"],
        "Tickets": ["BSON", "Digests", "DocumentStore", "Records"],
        "Ingest": [
            "BSON", "CChecksum", "DocumentStore", "Feeds", "MarketData", "Records", "TickCodec", "TickStore", "Tickets",
        ],
        "Live": [
            "Feeds", "MarketData", "NIOCore", "NIOHTTP1", "NIOPosix", "NIOSSL", "NIOWebSocket", "WebClient",
        ],
        "JSONOutput": [],
        "Alerts": ["JSONOutput", "MarketData"],
        "WebClient": ["CCurlShims", "CLibCurl"],
        "Service": [
            "Alerts", "BSON", "Digests", "DocumentStore", "Feeds", "Ingest", "Leases", "Live", "MarketData",
            "Records", "TickStore", "Tickets", "WebClient",
        ],
        "WebInterface": [
            "Alerts", "Console", "Digests", "DocumentStore", "Feeds", "JSONOutput", "HTTPTypes", "Hummingbird",
            "HummingbirdCore",
            "HummingbirdTLS", "Ingest", "Live", "Logging", "MarketData", "NIOCore", "NIOHTTP1", "NIOHTTPTypes",
            "NIOHTTPTypesHTTP1", "NIOSSL", "NIOWebSocket", "Service", "Settings",
        ],
        "Settings": ["Alerts", "MarketData", "Yams"],
        "Console": [
            "ArgumentParser", "Settings", "DocumentStore", "MongoRuntime", "MongoStore", "Sharding", "Tickets",
        ],
        "TicketViews": ["BSON", "Console", "JSONOutput", "Tickets"],
        "tapedesk": [
            "Alerts", "BSON", "Settings", "Console", "JSONOutput", "DocumentStore", "Feeds", "Ingest", "Leases",
            "Live", "MarketData", "MongoRuntime", "MongoStore", "NIOCore", "NIOPosix", "NIOSSL", "Records", "Service",
            "Sharding", "TickCodec", "TickStore", "Tickets", "WebClient", "WebInterface", "ArgumentParser",
        ],
        "ticket": [
            "BSON", "Settings", "Console", "JSONOutput", "DocumentStore", "MongoStore", "TicketViews", "Tickets",
            "ArgumentParser",
        ],
        "tapedesk-sample": ["ArgumentParser", "NIOCore", "NIOHTTP1", "NIOPosix", "NIOWebSocket"],
    ]

    /// Modules of the toolchain and the system, by who may import them.
    static let systemModules: Set<String> = ["Synchronization", "Dispatch", "Glibc"]

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    struct SourceFile {
        let path: String
        let target: String
        let lines: [String]
    }

    static func swiftFiles(in folder: String) throws -> [SourceFile] {
        let base = root.appending(path: folder)
        let found = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil)
        let files = (found?.allObjects as? [URL] ?? []).filter { $0.pathExtension == "swift" }
        return try files.map { file in
            let relative = String(file.path.dropFirst(base.path.count + 1))
            let text = try String(contentsOf: file, encoding: .utf8)
            return SourceFile(
                path: "\(folder)/\(relative)",
                target: String(relative.prefix { $0 != "/" }),
                lines: text.components(separatedBy: "\n")
            )
        }
    }

    @Test func targetsImportOnlyWhatTheDesignAllows() throws {
        let files = try Self.swiftFiles(in: "Sources")
        #expect(files.count > 50, "the sources were not found")
        var offences: [String] = []
        for file in files {
            guard let allowed = Self.edges[file.target] else {
                offences.append("\(file.path): target \(file.target) is not in the table of edges")
                continue
            }
            for (number, line) in file.lines.enumerated() {
                guard let module = Self.importedModule(line) else { continue }
                if !allowed.contains(module), !Self.systemModules.contains(module) {
                    offences.append("\(file.path):\(number + 1): \(file.target) must not import \(module)")
                }
            }
        }
        #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
    }

    /// The module that a line imports, or nil.
    static func importedModule(_ line: String) -> String? {
        let words = line.split(separator: " ").map(String.init)
        guard let place = words.firstIndex(of: "import"), place + 1 < words.count else { return nil }
        let before = words[..<place]
        let levels: Set<String> = ["public", "package", "internal", "fileprivate", "private", "@testable"]
        guard before.allSatisfy(levels.contains) else { return nil }
        return words[place + 1].split(separator: ".").first.map(String.init)
    }

    @Test func anImportIsRecognised() {
        #expect(Self.importedModule("private import CLibMongoC") == "CLibMongoC")
        #expect(Self.importedModule("import Foundation") == "Foundation")
        #expect(Self.importedModule("/// import nothing here") == nil)
    }

    /// What is not written in product code, and what to write instead.
    static let banned: [(text: String, instead: String, exceptIn: Set<String>)] = [
        ("try!", "throw or handle", []),
        ("Date()", "take the time from whoever calls", []),
        (
            "ContinuousClock", "take the clock from whoever calls",
            ["Console", "tapedesk", "ticket", "MongoRuntime", "MongoStore"]
        ),
        ("SystemRandomNumberGenerator", "take the generator from whoever calls", ["Console"]),
        ("Double.random", "take the chance from whoever calls", ["Console"]),
        ("Task.detached", "structured tasks", []),
        ("print(", "Terminal, or a result", ["tapedesk-sample"]),
        ("TODO", "an issue", []),
        ("FIXME", "an issue", []),
    ]

    @Test func nothingBannedIsWritten() throws {
        var offences: [String] = []
        for file in try Self.swiftFiles(in: "Sources") {
            for (number, line) in file.lines.enumerated() {
                for rule in Self.banned where !rule.exceptIn.contains(file.target) && line.contains(rule.text) {
                    offences.append("\(file.path):\(number + 1): '\(rule.text)': \(rule.instead)")
                }
            }
        }
        #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
    }

    @Test func filesAndLinesStayReadable() throws {
        var offences: [String] = []
        for folder in ["Sources", "Tests", "Benchmarks"] {
            for file in try Self.swiftFiles(in: folder) {
                if file.lines.count > 500 { offences.append("\(file.path): \(file.lines.count) lines") }
                for (number, line) in file.lines.enumerated() where line.count > 120 {
                    offences.append("\(file.path):\(number + 1): \(line.count) columns")
                }
            }
        }
        #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
    }

    @Test func everyDocumentThatIsLinkedExists() throws {
        var offences: [String] = []
        let documents = FileManager.default.enumerator(
            at: Self.root.appending(path: "docs"),
            includingPropertiesForKeys: nil
        )
        let pages =
            (documents?.allObjects as? [URL] ?? []).filter { $0.pathExtension == "md" }
            + [Self.root.appending(path: "README.md"), Self.root.appending(path: "CONTRIBUTING.md")]
        let link = try Regex("\\]\\(([^)#:]+)(#[^)]*)?\\)")
        for page in pages {
            let text = try String(contentsOf: page, encoding: .utf8)
            for match in text.matches(of: link) {
                guard let target = match.output[1].substring else { continue }
                let file = page.deletingLastPathComponent().appending(path: String(target))
                if !FileManager.default.fileExists(atPath: file.path) {
                    offences.append("\(page.lastPathComponent): \(target)")
                }
            }
        }
        #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
    }
}
