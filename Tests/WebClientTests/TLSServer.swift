import Foundation

/// A server over TLS with an authority of its own, made by `openssl`, that answers a GET of `/answer`.
///
/// It ends with its object, or with the process, whatever ends that.
final class TLSServer {
    struct Failure: Error {
        let reason: String
    }

    /// Makes a certificate for the name and address of loopback, runs the server, and ends it with its input.
    private static let script = """
        set -e
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost \
            -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$1/key.pem" -out "$1/ca.pem" 2>"$1/errors"
        cd "$1"
        printf '%s' "$2" >answer
        openssl s_server -accept 127.0.0.1:0 -cert ca.pem -key key.pem -HTTP $3 </dev/null 2>>errors &
        child=$!
        read -r _ || true
        kill "$child"
        rm -rf "$1"
        """

    let port: UInt16
    let caFile: String
    private let process = Process()
    private let input = Pipe()

    /// Starts the server.
    ///
    /// - Parameters:
    ///   - answer: with its head.
    ///   - options: of `openssl s_server`, such as `-tls1_1`.
    init(_ answer: String = "HTTP/1.0 200 OK\r\n\r\nover TLS", options: String = "") throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tapedesk-tls-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        caFile = folder + "/ca.pem"
        let output = Pipe()
        // Not for other children of this process: they would keep the pipe open.
        _ = fcntl(input.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", Self.script, "tls", folder, answer, options]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        // The server says "ACCEPT 127.0.0.1:port" once it listens; at the end of its output it never will.
        var text = ""
        var port: UInt16?
        while port == nil {
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { throw Failure(reason: "openssl did not start: \(text)") }
            text += String(decoding: data, as: UTF8.self)
            let lines = text.components(separatedBy: "\n").dropLast()
            port = lines.first { $0.hasPrefix("ACCEPT") }?.split(separator: ":").last.flatMap { UInt16($0) }
        }
        self.port = port ?? 0
    }

    deinit {
        // A line ends the shell: the end of the pipe, which another child may hold too, is for the end of this process.
        try? input.fileHandleForWriting.write(contentsOf: Data("end\n".utf8))
        process.waitUntilExit()
    }
}
