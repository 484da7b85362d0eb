import Foundation
import Testing

/// The decoder in Python that was written from docs/block-format.md.
enum SecondDecoder {
    /// What it prints of one block.
    enum Answer: Equatable {
        case block(HeaderRow, [EventRow])
        case refused(String)
    }

    private struct Refusal: Decodable {
        let error: String
    }

    struct Failure: Error {
        let message: String
    }

    private static let script = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Decoder/block_decoder.py").path

    static let isPresent: Bool = {
        guard let process = try? start(["-c", "pass"], output: .nullDevice) else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()

    static let absence: Comment = "there is no python3"

    /// Decodes all blocks in one run.
    static func decode(_ blocks: [[UInt8]]) throws -> [Answer] {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tapedesk-blocks-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var paths: [String] = []
        for (number, block) in blocks.enumerated() {
            let file = folder.appending(path: "\(number).block")
            try Data(block).write(to: file)
            paths.append(file.path)
        }
        let printed = folder.appending(path: "printed")
        try Data().write(to: printed)
        let output = try FileHandle(forWritingTo: printed)
        let process = try start([script] + paths, output: output)
        process.waitUntilExit()
        try output.close()
        guard process.terminationStatus == 0 else { throw Failure(message: "the decoder in Python failed") }
        return try answers(Data(contentsOf: printed))
    }

    private static func start(_ arguments: [String], output: FileHandle) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3"] + arguments
        process.standardOutput = output
        try process.run()
        return process
    }

    private static func answers(_ printed: Data) throws -> [Answer] {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        var lines = printed.split(separator: UInt8(ascii: "\n"))[...]
        var answers: [Answer] = []
        while let first = lines.popFirst() {
            if let refusal = try? decoder.decode(Refusal.self, from: first) {
                answers.append(.refused(refusal.error))
                continue
            }
            let header = try decoder.decode(HeaderRow.self, from: first)
            let rows = try lines.prefix(header.count).map { try decoder.decode(EventRow.self, from: $0) }
            lines = lines.dropFirst(header.count)
            answers.append(.block(header, rows))
        }
        return answers
    }
}
