import Feeds
import Foundation
import MarketData
import Testing

/// Lines of recordings that are kept beside the package, not in it.
enum RecordedLines {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../../shared/data/market").standardizedFileURL

    static let arePresent = FileManager.default.fileExists(atPath: folder.path)
    static let absence: Comment = "recordings are not beside the package (../shared/data/market)"

    /// The lines of a recording, decompressed and without their ends.
    static func read(_ path: String) throws -> [String] {
        let input = try TapeInput.open(path: folder.appending(path: path).path)
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = try chunk.withUnsafeMutableBytes { try input.source.read(into: $0) }
            if count == 0 { break }
            bytes.append(contentsOf: chunk[..<count])
        }
        return bytes.split(separator: UInt8(ascii: "\n")).map { line in
            String(decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
        }
    }
}
