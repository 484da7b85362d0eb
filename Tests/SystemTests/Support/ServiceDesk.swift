import Foundation
import TestSupport
import Testing

/// A database, a configuration that a test writes, and daemons that work with both.
final class ServiceDesk: Sendable {
    static let anyPort = "{ listen: \"127.0.0.1:0\" }"

    let desk: Desk
    let file: String
    var state: String { desk.folder + "/state" }

    convenience init(at server: LocalMongo? = nil) async throws {
        self.init(try await Desk(at: server))
    }

    init(_ desk: Desk) {
        self.desk = desk
        file = desk.folder + "/tapedesk.yaml"
    }

    /// Writes the configuration: what a test adds, behind where tapes are and where HTTP is answered.
    func configure(_ sections: String..., http: String = ServiceDesk.anyPort) throws {
        let text = "service: { state: \"\(state)\" }\nhttp: \(http)\n" + sections.joined(separator: "\n") + "\n"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
    }

    /// Starts a daemon.
    func serve(environment: [String: String] = [:]) throws -> RunningDaemon {
        try RunningDaemon(desk: desk, file: file, environment: environment)
    }

    /// Runs a daemon that is to end by itself.
    func serveToTheEnd() async throws -> Ending { try await serve().program.wait() }

    /// The numbers of the trades that are stored of an instrument, in the order of the export.
    func stored(_ instrument: String = "BINANCE:BTCUSDT") async throws -> [Int] {
        try await desk.tradeNumbers(of: instrument)
    }

    /// The SHA-256 of a token, for a configuration.
    func digest(_ token: String) async throws -> String {
        let path = try desk.file("token-\(UInt64.random(in: 0 ... .max))", token)
        return String(decoding: try await desk.tool("sha256sum", path).prefix(64), as: UTF8.self)
    }

    /// The section `http` with tokens: `NAME ROLE TOKEN` each.
    func http(tokens: [(name: String, role: String, token: String)]) async throws -> String {
        var lines: [String] = []
        for (name, role, token) in tokens {
            lines.append("{ name: \(name), role: \(role), sha256: \(try await digest(token)) }")
        }
        return "{ listen: \"127.0.0.1:0\", tokens: [\(lines.joined(separator: ", "))] }"
    }
}

/// A daemon that runs, as those see it who ask it over HTTP.
struct RunningDaemon: Sendable {
    let desk: Desk
    let program: RunningProgram

    /// Starts a daemon with a configuration.
    init(desk: Desk, file: String, environment: [String: String] = [:]) throws {
        let words = ["serve", "--config", file, "--wait", "2", "--mongo", desk.uri, "--database", desk.database]
        let path = try #require(Product.tapedesk)
        self.desk = desk
        program = try RunningProgram([path] + words, environment: environment, folder: desk.folder)
    }

    var log: String { program.error }

    /// How often something stands in what the daemon said.
    func count(_ text: String) -> Int { log.components(separatedBy: text).count - 1 }

    /// Where it answers.
    func url(_ path: String = "", scheme: String = "http") async throws -> String {
        var port: Int?
        try await poll("the daemon says its port") {
            if !program.isRunning { throw HarnessError(description: "the daemon ended: \(log)") }
            port = log.components(separatedBy: "HTTP at port ").dropFirst().first
                .flatMap { Int($0.prefix { $0.isNumber }) }
            return port != nil
        }
        return "\(scheme)://127.0.0.1:\(try #require(port))\(path)"
    }

    func get(_ path: String, token: String? = nil, _ options: String...) async throws -> HTTPAnswer {
        do {
            return try await desk.ask(try await url(path), Self.options(token) + options)
        } catch {
            guard !program.isRunning else { throw error }
            throw HarnessError(description: "the daemon ended: \(log)")
        }
    }

    private static func options(_ token: String?) -> [String] {
        token.map { ["--header", "Authorization: Bearer \($0)"] } ?? []
    }

    /// The words of a command that hands in the tickets of a file.
    func postWords(file: String, token: String?) async throws -> [String] {
        Desk.curl(
            try await url("/ingest/tickets"),
            Self.options(token) + ["--request", "POST", "--data-binary", "@" + file]
        )
    }

    /// Hands in tickets.
    func post(_ body: String, token: String? = nil) async throws -> HTTPAnswer {
        let file = try desk.file("body-\(UInt64.random(in: 0 ... .max))", body)
        let words = try await postWords(file: file, token: token)
        return try desk.answer(of: try await ChildProcess(words, folder: desk.folder).wait(within: .seconds(90)))
    }

    /// What `/status` says.
    func status() async throws -> JSON { try await get("/status").json }

    /// What `/status` says of a source, of the list `sources` or `files`.
    func source(_ name: String, in list: String = "sources") async throws -> JSON? {
        try await status()[list]?.elements.first { $0["source"] == .string(name) }
    }

    /// What `/readyz` says.
    func readiness() async throws -> (code: Int, status: String, reasons: [String]) {
        let answer = try await get("/readyz")
        let document = try answer.json
        return (answer.status, document["status"]?.text ?? "", document["reasons"]?.elements.compactMap(\.text) ?? [])
    }

    /// Waits until `/readyz` has a status.
    func wait(for status: String) async throws {
        try await poll("the daemon is \(status)", within: .seconds(60)) { try await readiness().status == status }
    }

    /// The samples of `/metrics`, by name and labels as they are written.
    func metrics() async throws -> [String: Double] {
        let lines = try await get("/metrics").body.split(separator: "\n").filter { !$0.hasPrefix("#") }
        let pairs = lines.compactMap { line -> (String, Double)? in
            guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else {
                return nil
            }
            return (String(line[..<space]), value)
        }
        return Dictionary(pairs) { first, _ in first }
    }

    /// The rules of the alerts that were given, the oldest first.
    func alerts() async throws -> [JSON] { try await status()["alerts"]?.elements.reversed() ?? [] }

    /// Ends it as systemd does, which has to go well.
    @discardableResult
    func stop(sourceLocation: SourceLocation = #_sourceLocation) async throws -> Ending {
        program.terminate()
        let ending = try await program.wait(within: .seconds(15))
        #expect(ending.code == 0, "\(ending.error)", sourceLocation: sourceLocation)
        return ending
    }

    /// Ends it without any warning.
    func kill() async throws {
        program.kill()
        _ = try await program.wait()
    }
}
