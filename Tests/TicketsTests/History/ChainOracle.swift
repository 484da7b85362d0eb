import BSON
import Foundation
import SimulatedStore
import Testing

@testable import Tickets

/// The check of the chain in Python, which shares no code with the one in Swift.
enum ChainOracle {
    /// What it says of one ticket.
    struct Answer: Decodable, Equatable {
        let id: String
        let events: Int
        let erased: Int
        let problems: [String]
    }

    struct Failure: Error {
        let message: String
    }

    private static let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Oracles/ticket_chain.py").path

    static let isPresent: Bool = {
        guard let process = try? start(["-c", "pass"], output: .nullDevice) else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()

    static let absence: Comment = "there is no python3"

    /// Checks all tickets of a stand.
    static func check(_ stand: DeskStand) throws -> [Answer] {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tapedesk-chain-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let inputs = [SupportRequestsCollection.name, SupportHistoryCollection.name].map { collection in
            (file: folder.appending(path: collection), documents: stand.store.documents(in: collection))
        }
        for input in inputs { try Data(input.documents.flatMap(\.bytes)).write(to: input.file) }
        let printed = folder.appending(path: "printed")
        try Data().write(to: printed)
        let output = try FileHandle(forWritingTo: printed)
        let process = try start([script] + inputs.map(\.file.path), output: output)
        process.waitUntilExit()
        try output.close()
        guard process.terminationStatus == 0 else { throw Failure(message: "the check in Python failed") }
        return try Data(contentsOf: printed).split(separator: UInt8(ascii: "\n")).map {
            try JSONDecoder().decode(Answer.self, from: $0)
        }
    }

    private static func start(_ arguments: [String], output: FileHandle) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3"] + arguments
        process.standardOutput = output
        try process.run()
        return process
    }
}
