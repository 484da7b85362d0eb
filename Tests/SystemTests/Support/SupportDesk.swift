import Foundation
import TestSupport
import Testing

/// A database of tickets of its own, and agents who work at it with the built `ticket`.
struct SupportDesk: Sendable {
    let desk: Desk
    /// Where the server listens.
    let port: UInt16

    /// The program under test: `TICKET_BINARY`, else the one beside `tapedesk`.
    static let program: String? = {
        if let path = ProcessInfo.processInfo.environment["TICKET_BINARY"], !path.isEmpty { return path }
        let path = Product.tapedesk.map {
            URL(fileURLWithPath: $0).deletingLastPathComponent().appendingPathComponent("ticket").path
        }
        return path.flatMap { FileManager.default.isExecutableFile(atPath: $0) ? $0 : nil }
    }()

    /// A desk at the server that tests share, or at one that the test started itself.
    init(at server: LocalMongo? = nil) async throws {
        var chosen = server
        if chosen == nil { chosen = try await LocalMongo.shared() }
        let server = try #require(chosen)
        port = server.port
        desk = try await Desk(at: server)
        _ = try #require(Self.program, "there is no ticket to test: set TICKET_BINARY, or run swift build -c release")
        let ending = try await desk.run("init")
        guard ending.code == 0 else { throw HarnessError(description: "init: \(ending.error)") }
    }

    /// Somebody who works here, with a home folder of their own.
    func agent(_ name: String) throws -> Agent {
        let home = desk.folder + "/home-" + name
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        return Agent(name: name, home: home, desk: self)
    }

    /// Imports tickets: each line is an event of the format `ticket-events`.
    func replay(
        _ lines: [String],
        exits code: Int32 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let text = lines.map { $0 + "\n" }.joined()
        let file = try desk.file("feed-\(UInt64.random(in: 0 ... .max)).ndjson", text)
        let ending = try await desk.run("replay", "--format", "ticket-events", "--source", "feed", file)
        try #require(ending.code == code, "\(ending.error)", sourceLocation: sourceLocation)
    }

    /// What `tapedesk verify --tickets --json` says.
    func verify(
        exits code: Int32 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> JSON {
        let ending = try await desk.run("verify", "--tickets", "--json")
        #expect(ending.code == code, "\(ending.text)\(ending.error)", sourceLocation: sourceLocation)
        return try JSON(ending.text)
    }

    /// Looks at, or damages, what is stored, behind the back of every program: see `Oracles/ticket_store.py`.
    @discardableResult
    func store(_ words: String...) async throws -> String {
        let script = [try StorePython.path(), Product.oracle("ticket_store.py"), "\(port)", desk.database]
        let ending = try await ChildProcess(script + words, folder: desk.folder).wait()
        guard ending.code == 0 else { throw HarnessError(description: "\(words): \(ending.error)") }
        return ending.text
    }

    /// Everything that is stored, as the server sends it.
    func storedBytes() async throws -> Data {
        let path = desk.folder + "/dump-\(UInt64.random(in: 0 ... .max))"
        try await store("dump", path)
        return try Data(contentsOf: URL(fileURLWithPath: path))
    }
}

/// A Python that has pymongo.
enum StorePython {
    private static let found = Result {
        let process = Process()
        let output = Pipe()
        process.executableURL = Product.packageRoot.appendingPathComponent("scripts/local-mongo")
        process.arguments = ["python"]
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let path = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard process.terminationStatus == 0, !path.isEmpty else {
            throw HarnessError(description: "no Python: scripts/local-mongo python failed")
        }
        return path
    }

    static func path() throws -> String { try found.get() }
}

/// An agent at a desk.
struct Agent: Sendable {
    let name: String
    let home: String
    let desk: SupportDesk

    /// What the programs of this agent find around them; nothing of the test's own surroundings decides.
    var environment: [String: String] {
        [
            "HOME": home, "XDG_STATE_HOME": "", "TAPEDESK_CONFIG": "", "TAPEDESK_MONGO_URI": desk.desk.uri,
            "VISUAL": "", "EDITOR": "/bin/false", "NO_COLOR": "", "TERM": "xterm-256color", "TZ": "UTC",
        ]
    }

    /// A whole command line: words of a command, then who works at which database.
    func words(_ words: [String]) -> [String] {
        [SupportDesk.program ?? "ticket"] + words + ["--as", name, "--database", desk.desk.database]
    }

    func start(
        _ words: [String],
        input: ChildProcess.Input = .nothing,
        environment: [String: String] = [:]
    ) throws -> ChildProcess {
        try ChildProcess(
            self.words(words),
            environment: self.environment.merging(environment) { $1 },
            input: input,
            folder: desk.desk.folder
        )
    }

    /// Runs a command to its end.
    func run(_ words: String..., input: Data? = nil, environment: [String: String] = [:]) async throws -> Ending {
        try await run(words, input: input, environment: environment)
    }

    func run(_ words: [String], input: Data? = nil, environment: [String: String] = [:]) async throws -> Ending {
        guard let input else { return try await start(words, environment: environment).wait() }
        let file = try desk.desk.file("input-\(UInt64.random(in: 0 ... .max))", input)
        defer { try? FileManager.default.removeItem(atPath: file) }
        return try await start(words, input: .file(file), environment: environment).wait()
    }

    /// Runs a command that has to succeed, and returns its lines.
    @discardableResult
    func lines(
        _ words: String...,
        input: Data? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> [String] {
        let ending = try await run(words, input: input)
        try #require(ending.code == 0, "\(ending.error)", sourceLocation: sourceLocation)
        return ending.lines.map(String.init)
    }

    /// Runs a command with `--json` that has to succeed, and returns what each of its lines says.
    func documents(_ words: String..., sourceLocation: SourceLocation = #_sourceLocation) async throws -> [JSON] {
        let ending = try await run(words + ["--json"])
        try #require(ending.code == 0, "\(ending.error)", sourceLocation: sourceLocation)
        return try ending.lines.map { try JSON($0) }
    }

    /// Runs a command with `--json` that has to succeed, and returns the one document that it prints.
    @discardableResult
    func json(
        _ words: String...,
        input: Data? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> JSON {
        let ending = try await run(words + ["--json"], input: input)
        try #require(ending.code == 0, "\(ending.error)", sourceLocation: sourceLocation)
        try #require(ending.lines.count == 1, "\(ending.text)", sourceLocation: sourceLocation)
        return try JSON(ending.text)
    }

    /// Creates a ticket and returns its id.
    func create(
        _ subject: String = "Broken printer",
        _ options: String...,
        requester: String = "kim@example.com",
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> String {
        let words = ["create", "--subject", subject, "--requester", requester, "--json"] + options
        let ending = try await run(words)
        try #require(ending.code == 0, "\(ending.error)", sourceLocation: sourceLocation)
        return try #require(try JSON(ending.text)["id"]?.text, sourceLocation: sourceLocation)
    }

    /// The version of a ticket that a program of this agent has read.
    func version(_ id: String) async throws -> String {
        let version = try await json("show", id, "--no-mark")["version"]?.integer
        return String(try #require(version))
    }

    /// The files with what this agent typed and what was not stored.
    func keptFiles() throws -> [String] {
        let folder = home + "/.local/state/tapedesk/unsaved"
        guard FileManager.default.fileExists(atPath: folder) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { folder + "/" + $0 }
    }

    /// The text of the one file that is kept, which a message has to name and which its owner alone may read.
    func keptText(
        namedIn message: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Data {
        let files = try keptFiles()
        try #require(files.count == 1, "\(files)", sourceLocation: sourceLocation)
        #expect(message.contains(files[0]), "\(message)", sourceLocation: sourceLocation)
        let mode = try FileManager.default.attributesOfItem(atPath: files[0])[.posixPermissions] as? Int
        #expect(mode == 0o600, sourceLocation: sourceLocation)
        defer { try? FileManager.default.removeItem(atPath: files[0]) }
        return try Data(contentsOf: URL(fileURLWithPath: files[0]))
    }

    /// Writes a script that this agent has for an editor; `$1` is the file to edit.
    func editor(_ script: String) throws -> [String: String] {
        let path = home + "/editor-\(UInt64.random(in: 0 ... .max))"
        try "#!/bin/sh\nset -e\n\(script)\n".write(toFile: path, atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
        return ["EDITOR": path]
    }

    /// A line of a shell that runs a command of this agent.
    func shellLine(_ words: String...) -> String {
        let quoted = self.words(words).map { "'" + $0.replacing("'", with: "'\\''") + "'" }
        return "HOME='\(home)' " + quoted.joined(separator: " ")
    }
}
