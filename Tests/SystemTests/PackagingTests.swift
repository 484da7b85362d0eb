import Foundation
import Testing

extension SystemTests {
    /// `scripts/install`, with the built programs, into a folder of the test.
    @Suite(.timeLimit(.minutes(1)))
    struct PackagingTests {
        private static let services = ["tapedesk.service", "tapedesk-compact.service"]
        private static let units = services + ["tapedesk-compact.timer"]

        @Test(arguments: ["/usr", "/usr/local", "/opt/tapedesk"])
        func everythingIsPutInPlace(_ prefix: String) async throws {
            // Where systemd and zsh look.
            let units = prefix == "/opt/tapedesk" ? "/etc/systemd/system" : prefix + "/lib/systemd/system"
            let zsh = prefix + "/share/zsh/" + (prefix == "/usr" ? "vendor-completions" : "site-functions")
            let package = try Package(prefix: prefix)
            try await package.install()
            let files = try package.files()
            let programs = ["tapedesk", "ticket"]
            let completions = programs.flatMap { name in
                ["bash-completion/completions/\(name)", "fish/vendor_completions.d/\(name).fish"]
                    .map { "\(prefix)/share/\($0)" } + ["\(zsh)/_\(name)"]
            }
            var expected = completions + ["/etc/tapedesk/tapedesk.yaml", "/etc/tapedesk/tapedesk.yaml.example"]
            expected += programs.map { "\(prefix)/bin/\($0)" }
            expected += Self.units.map { "\(units)/\($0)" }
            let others = files.filter { !$0.hasPrefix("\(prefix)/share/doc/tapedesk/") }
            #expect(others == expected.sorted())
            for page in ["README.md", "LICENSE", "docs/operating.md"] {
                #expect(files.contains("\(prefix)/share/doc/tapedesk/\(page)"))
            }
            for file in files {
                let isProgram = file.hasPrefix("\(prefix)/bin/")
                #expect(try package.mode(file) == (isProgram ? 0o755 : 0o644), "\(file)")
            }
            #expect(try package.mode("/etc/tapedesk") == 0o755)
            for file in completions { #expect(try package.text(file).contains("--"), "\(file)") }
            for service in Self.services {
                let command = try package.setting("ExecStart", of: "\(units)/\(service)").split(separator: " ")
                let program = package.root + String(command.first ?? "")
                #expect(FileManager.default.isExecutableFile(atPath: program), "\(program)")
                #expect(command.suffix(2) == ["--config", "/etc/tapedesk/tapedesk.yaml"])
                let documentation = try package.setting("Documentation", of: "\(units)/\(service)")
                #expect(files.contains(documentation.replacing("file://", with: "")), "\(documentation)")
            }
        }

        @Test func whatIsInstalledRuns() async throws {
            let package = try Package()
            try await package.install()
            let config = package.root + "/etc/tapedesk/tapedesk.yaml"
            let words = [package.root + "/usr/bin/tapedesk", "check-config", "--config", config]
            let checked = try await package.run(words)
            #expect(checked.code == 0 && checked.text.contains("no mistakes"), "\(checked.text)\(checked.error)")
            #expect(try await package.run([package.root + "/usr/bin/ticket", "--help"]).code == 0)
        }

        @Test func theConfigurationIsKept() async throws {
            let package = try Package()
            try await package.install()
            let config = "/etc/tapedesk/tapedesk.yaml"
            #expect(try package.text(config) == package.text(config + ".example"))
            try package.write("mongo:\n  database: mine\n", to: config, mode: 0o640)
            try package.write("an older one\n", to: config + ".example", mode: 0o644)
            try package.write("mongodb://u:p@host/\n", to: "/etc/tapedesk/mongo-uri", mode: 0o600)
            try package.setMode(0o750, "/etc/tapedesk")
            let before = try package.files()
            try await package.install()
            #expect(try package.files() == before)
            #expect(try package.text(config) == "mongo:\n  database: mine\n")
            #expect(try package.mode(config) == 0o640)
            #expect(try package.mode("/etc/tapedesk") == 0o750)
            #expect(try package.text(config + ".example") != "an older one\n")
            try await package.uninstall()
            #expect(try package.files() == ["/etc/tapedesk/mongo-uri", config])
            #expect(try package.text(config) == "mongo:\n  database: mine\n")
            // There may be nothing to remove.
            try await package.uninstall()
        }

        @Test func wrongUsageInstallsNothing() async throws {
            for arguments in [["--prefix", "usr"], ["--prefix", "/a b"], ["--prefix", "/50%"], ["--from"], ["-x"]] {
                let package = try Package()
                let ending = try await package.script(arguments)
                #expect(ending.code == 64 && ending.error.contains("--destdir"), "\(arguments): \(ending.error)")
                #expect(try package.files().isEmpty)
            }
            let package = try Package()
            let ending = try await package.script(["--from", package.root])
            #expect(ending.code == 2 && ending.error.contains("make build-install"), "\(ending.error)")
            #expect(try package.files().isEmpty)
        }

        @Test func bothServicesAreShutInAlike() async throws {
            let shells = try Self.services.map { name in
                let path = Product.packageRoot.appendingPathComponent("systemd/" + name).path
                let text = try String(contentsOfFile: path, encoding: .utf8)
                let section = try #require(text.components(separatedBy: "[Service]").last)
                let behind = try #require(section.firstRange(of: "\nDynamicUser="))
                let end = section.firstRange(of: "\n[Install]")?.lowerBound ?? section.endIndex
                return section[behind.lowerBound..<end].split(separator: "\n").filter { !$0.hasPrefix("#") }
            }
            #expect(shells[0] == shells[1] && shells[0].count > 30)
        }

        @Test(.enabled(if: Product.hasTool("systemd-analyze"), "there is no systemd-analyze program"))
        func systemdFindsNothingWrong() async throws {
            let package = try Package()
            try await package.install()
            // systemd looks for the programs where the units name them.
            let units = try Self.units.map { name in
                let text = try package.text("/usr/lib/systemd/system/" + name)
                let here = text.replacing("ExecStart=/usr/", with: "ExecStart=\(package.root)/usr/")
                try package.write(here, to: "/" + name, mode: 0o644)
                return "\(package.root)/\(name)"
            }
            let verified = try await package.run(["systemd-analyze", "verify", "--recursive-errors=no"] + units)
            #expect(verified.code == 0 && verified.error.isEmpty, "\(verified.error)")
            for unit in units where unit.hasSuffix(".service") {
                // Tenths: an exposure of 2.0.
                let words = ["systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=20", unit]
                let rated = try await package.run(words)
                #expect(rated.code == 0, "\(rated.text)\(rated.error)")
            }
        }
    }
}

/// A folder that the built programs are installed into; it goes away with the last reference.
private final class Package: Sendable {
    let root: String
    private let folder: String
    private let prefix: String

    init(prefix: String = "/usr") throws {
        self.prefix = prefix
        folder = try TemporaryFolder.make()
        root = folder + "/root"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: folder)
    }

    func run(_ words: [String]) async throws -> Ending {
        // With the mask that leaves least.
        let masked = ["bash", "-c", "umask 077; exec \"$@\"", "bash"] + words
        return try await ChildProcess(masked, folder: folder).wait()
    }

    /// Runs the script below the folder; of an argument that is given twice the last counts.
    func script(_ arguments: [String]) async throws -> Ending {
        let script = Product.packageRoot.appendingPathComponent("scripts/install").path
        return try await run([script, "--destdir", root, "--prefix", prefix] + arguments)
    }

    func install() async throws {
        let built = URL(filePath: try #require(Product.tapedesk)).deletingLastPathComponent().path
        let ending = try await script(["--from", built])
        try #require(ending.code == 0 && ending.text.isEmpty && ending.error.isEmpty, "\(ending.text)\(ending.error)")
    }

    func uninstall() async throws {
        let ending = try await script(["--uninstall"])
        try #require(ending.code == 0 && ending.error.isEmpty, "\(ending.error)")
    }

    /// All that is not a folder, as paths that begin at the folder, sorted.
    func files() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: root).map { "/" + $0 }.filter {
            var isFolder: ObjCBool = false
            return !(FileManager.default.fileExists(atPath: root + $0, isDirectory: &isFolder) && isFolder.boolValue)
        }.sorted()
    }

    /// What a unit says about a key, which it has to name once.
    func setting(_ key: String, of unit: String) throws -> String {
        let lines = try text(unit).split(separator: "\n").filter { $0.hasPrefix(key + "=") }
        try #require(lines.count == 1, "\(key) in \(unit)")
        return String(lines[0].dropFirst(key.count + 1))
    }

    func text(_ path: String) throws -> String { try String(contentsOfFile: root + path, encoding: .utf8) }

    func write(_ text: String, to path: String, mode: Int) throws {
        try text.write(toFile: root + path, atomically: false, encoding: .utf8)
        try setMode(mode, path)
    }

    func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: root + path)[.posixPermissions] as? Int
    }

    func setMode(_ mode: Int, _ path: String) throws {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: root + path)
    }
}
