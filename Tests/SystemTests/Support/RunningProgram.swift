import Foundation
import Testing

/// A program whose output can be read while it runs.
///
/// It is killed with its object, so that a test that fails leaves nothing behind.
final class RunningProgram: Sendable {
    private let process: ChildProcess
    private let outputPath: String
    private let errorPath: String

    /// Starts a program; `folder` takes the files with its output.
    init(_ words: [String], environment: [String: String] = [:], folder: String) throws {
        let base = folder + "/running-\(UInt64.random(in: 0 ... .max))"
        (outputPath, errorPath) = (base + ".out", base + ".err")
        process = try ChildProcess(
            ["sh", "-c", "exec \"$@\" >\"$RUNNING_OUT\" 2>\"$RUNNING_ERR\"", "sh"] + words,
            environment: environment.merging(["RUNNING_OUT": outputPath, "RUNNING_ERR": errorPath]) { $1 },
            folder: folder
        )
    }

    deinit { process.kill() }

    var isRunning: Bool { process.isRunning }

    /// What it wrote so far.
    var output: String { Self.text(outputPath) }
    var error: String { Self.text(errorPath) }

    func kill() { process.kill() }
    func terminate() { process.terminate() }

    /// Stops it where it is, until it is resumed.
    func pause() { if process.isRunning { _ = Foundation.kill(process.pid, SIGSTOP) } }
    func resume() { if process.isRunning { _ = Foundation.kill(process.pid, SIGCONT) } }

    /// Asks a daemon to read its configuration again.
    func hangUp() { if process.isRunning { _ = Foundation.kill(process.pid, SIGHUP) } }

    /// Waits for the end; to be called once.
    func wait(within limit: Duration = .seconds(60)) async throws -> Ending {
        let ending = try await process.wait(within: limit)
        return Ending(
            code: ending.code,
            signal: ending.signal,
            output: Data(output.utf8),
            error: error + ending.error,
            memoryMax: ending.memoryMax
        )
    }

    private static func text(_ path: String) -> String {
        String(decoding: (try? Data(contentsOf: URL(filePath: path))) ?? Data(), as: UTF8.self)
    }
}

/// What a server answered.
struct HTTPAnswer: Sendable {
    let status: Int
    /// By their names in lower case.
    let headers: [String: String]
    let body: String

    /// The body as a document.
    var json: JSON { get throws { try JSON(body) } }

    /// Reads what `curl -i` prints; answers that only say that more is to come are passed over.
    fileprivate init?(printed: Data) {
        var rest = String(decoding: printed, as: UTF8.self)
        while true {
            guard let end = rest.range(of: "\r\n\r\n") else { return nil }
            var lines = rest[..<end.lowerBound].components(separatedBy: "\r\n")
            let words = lines.removeFirst().split(separator: " ")
            guard words.count >= 2, let status = Int(words[1]) else { return nil }
            let body = String(rest[end.upperBound...])
            if (100..<200).contains(status) {
                rest = body
                continue
            }
            let pairs = lines.compactMap { line -> (String, String)? in
                guard let colon = line.firstIndex(of: ":") else { return nil }
                let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
                return (line[..<colon].lowercased(), value)
            }
            self.status = status
            headers = Dictionary(pairs) { first, _ in first }
            self.body = body
            return
        }
    }
}

extension Desk {
    /// The words of a request with curl, whose answer `answer` reads.
    static func curl(_ url: String, _ options: [String] = []) -> [String] {
        ["curl", "--silent", "--show-error", "--include", "--http1.1", "--max-time", "60", "--header", "Expect:"]
            + options + [url]
    }

    /// Asks over HTTP.
    ///
    /// - Throws: `HarnessError` where nobody answers.
    func ask(_ url: String, _ options: [String] = []) async throws -> HTTPAnswer {
        try answer(of: try await ChildProcess(Self.curl(url, options), folder: folder).wait(within: .seconds(90)))
    }

    /// What curl was answered.
    func answer(of ending: Ending) throws -> HTTPAnswer {
        guard let answer = HTTPAnswer(printed: ending.output) else {
            throw HarnessError(description: "curl, exit code \(ending.code ?? -1): \(ending.error)")
        }
        return answer
    }
}
