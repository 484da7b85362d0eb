import Foundation
import TestSupport
import Testing

/// A database of its own, a temporary folder, and the program under test to work with both.
final class Desk: Sendable {
    let folder: String
    let database: String
    let uri: String
    private let program: String

    /// A desk at the server that tests share, or at one that the test started itself.
    convenience init(at server: LocalMongo? = nil) async throws {
        var chosen = server
        if chosen == nil { chosen = try await LocalMongo.shared() }
        try self.init(uri: try #require(chosen).uri())
    }

    /// A desk at whatever is behind a connection string, such as that of a `LocalCluster`.
    init(uri: String) throws {
        self.uri = uri
        program = try #require(Product.tapedesk)
        database = LocalMongo.uniqueDatabaseName()
        folder = try TemporaryFolder.make()
    }

    deinit {
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Writes a file into the folder and returns its path.
    func file(_ name: String, _ content: Data) throws -> String {
        let path = folder + "/" + name
        try content.write(to: URL(fileURLWithPath: path))
        return path
    }

    func file(_ name: String, _ content: String) throws -> String {
        try file(name, Data(content.utf8))
    }

    /// Starts tapedesk with this database.
    func start(_ arguments: [String], input: ChildProcess.Input = .nothing) throws -> ChildProcess {
        try ChildProcess(
            [program] + arguments + ["--mongo", uri, "--database", database],
            input: input,
            folder: folder
        )
    }

    /// Runs tapedesk with this database to its end.
    func run(_ arguments: String..., input: ChildProcess.Input = .nothing) async throws -> Ending {
        try await start(arguments, input: input).wait()
    }

    /// Runs tapedesk exactly as given, without a database unless the arguments or the environment name one.
    func runAlone(_ arguments: [String], environment: [String: String] = [:]) async throws -> Ending {
        try await ChildProcess(
            [program] + arguments,
            environment: ["TAPEDESK_MONGO_URI": ""].merging(environment) { $1 },
            folder: folder
        ).wait()
    }

    /// Runs another program, such as `gzip`, which has to succeed.
    func tool(_ words: String..., output: String? = nil) async throws -> Data {
        let ending = try await ChildProcess(words, folder: folder).wait(within: .seconds(120))
        guard ending.code == 0 else { throw HarnessError(description: "\(words): \(ending.error)") }
        if let output { try ending.output.write(to: URL(fileURLWithPath: output)) }
        return ending.output
    }

    /// Replays with `--json` and reads what it prints.
    ///
    /// It has to exit with the expected code.
    @discardableResult
    func replay(
        _ arguments: String...,
        input: ChildProcess.Input = .nothing,
        exits code: Int32 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> ReplayDocument {
        let ending = try await start(["replay", "--json"] + arguments, input: input).wait()
        #expect(ending.code == code, "\(ending.error)", sourceLocation: sourceLocation)
        let document = try ReplayDocument(ending)
        // What is not stored by this run was stored before, or refused.
        #expect(document.stored >= 0 && document.alreadyStored >= 0, sourceLocation: sourceLocation)
        let refused = document.rejectedEventTotal
        #expect(0...document.rejectedTotal ~= refused, sourceLocation: sourceLocation)
        return document
    }

    /// Replays a sample whose records are partly impossible.
    @discardableResult
    func replay(
        _ sample: Sample,
        _ arguments: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> ReplayDocument {
        let words = ["replay", "--json"] + Sample.mapped + arguments + [sample.path]
        let ending = try await start(words).wait()
        #expect(ending.code == 1, "\(ending.error)", sourceLocation: sourceLocation)
        return try ReplayDocument(ending)
    }

    /// All that is stored of an instrument, as CSV unless told otherwise.
    func export(
        _ symbol: String,
        _ kind: String,
        _ arguments: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Data {
        let ending = try await start(["export", "--symbol", symbol, "--kind", kind] + arguments).wait()
        #expect(ending.code == 0, "\(ending.error)", sourceLocation: sourceLocation)
        return ending.output
    }

    /// The numbers of the trades that are stored of an instrument, in the order of the export.
    func tradeNumbers(of instrument: String) async throws -> [Int] {
        try await export(instrument, "trade").split(separator: UInt8(ascii: "\n")).dropFirst().map { row in
            let fields = row.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
            return fields.count > 2 ? Int(String(decoding: fields[2], as: UTF8.self)) ?? -1 : -1
        }
    }

    /// Asks the server and the sources.
    func status() async throws -> StatusDocument {
        let ending = try await run("status", "--json")
        guard ending.code == 0 else { throw HarnessError(description: "status: \(ending.error)") }
        return try JSONDecoder().decode(StatusDocument.self, from: ending.output)
    }

    /// Verifies and returns what was counted; nothing may be wrong.
    @discardableResult
    func verifyClean(sourceLocation: SourceLocation = #_sourceLocation) async throws -> VerifyDocument {
        let ending = try await run("verify", "--json")
        #expect(ending.code == 0, "\(ending.text)", sourceLocation: sourceLocation)
        let document = try JSONDecoder().decode(VerifyDocument.self, from: ending.output)
        #expect(document.clean && document.problems == 0, sourceLocation: sourceLocation)
        return document
    }
}

/// Folders for files of a test.
enum TemporaryFolder {
    static func make() throws -> String {
        let path = NSTemporaryDirectory() + "/tapedesk-system-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }
}

/// Compares two exports without printing megabytes where they differ.
func expectSame(
    _ actual: Data,
    _ expected: Data,
    _ comment: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) {
    guard actual != expected else { return }
    let actualLines = actual.split(separator: UInt8(ascii: "\n"))
    let expectedLines = expected.split(separator: UInt8(ascii: "\n"))
    let difference = zip(actualLines, expectedLines).enumerated().first { $1.0 != $1.1 }
    let place = difference.map {
        "line \($0.offset + 1) is '\(String(decoding: $0.element.0, as: UTF8.self))', "
            + "expected '\(String(decoding: $0.element.1, as: UTF8.self))'"
    }
    let counts = "\(actualLines.count) lines instead of \(expectedLines.count)"
    Issue.record("\(comment): \(counts); \(place ?? "one is a part of the other")", sourceLocation: sourceLocation)
}
