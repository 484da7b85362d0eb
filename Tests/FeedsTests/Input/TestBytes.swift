import Foundation
import Testing

@testable import Feeds

/// A source of given bytes that gives them in pieces of chosen sizes, and may fail behind them.
final class PiecewiseSource: ByteSource {
    private var rest: ArraySlice<UInt8>
    private var sizes: [Int]
    private var place = 0
    private let failure: InputError?
    private var offset: Int64 = 0

    init(_ bytes: [UInt8], sizes: [Int] = [Int.max], failure: InputError? = nil) {
        rest = bytes[...]
        self.sizes = sizes
        self.failure = failure
    }

    func read(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
        if rest.isEmpty, let failure { throw failure }
        let size = sizes[place % sizes.count]
        place += 1
        let piece = rest.prefix(min(size, target.count))
        target.copyBytes(from: piece)
        rest = rest.dropFirst(piece.count)
        offset += Int64(piece.count)
        return piece.count
    }

    func skip(to offset: Int64) throws(InputError) {
        try discard(from: self.offset, to: offset, name: "pieces")
    }
}

/// Everything that a source gives, and why it ended.
func drain(_ source: any ByteSource, readSizes: [Int] = [65_536]) -> (bytes: [UInt8], error: InputError?) {
    var bytes: [UInt8] = []
    var place = 0
    while true {
        var buffer = [UInt8](repeating: 0, count: readSizes[place % readSizes.count])
        place += 1
        let result = buffer.withUnsafeMutableBytes { target -> Result<Int, InputError> in
            do throws(InputError) { return .success(try source.read(into: target)) } catch { return .failure(error) }
        }
        switch result {
        case .success(0): return (bytes, nil)
        case .success(let count): bytes += buffer[..<count]
        case .failure(let error): return (bytes, error)
        }
    }
}

/// Text that compresses neither to nothing nor not at all.
func sampleBytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 32)
    while bytes.count < count {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        bytes += Array("\(bytes.count),\(state >> 48),x\n".utf8)
    }
    return Array(bytes.prefix(count))
}

/// A folder that is gone with its owner.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/feeds-tests-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func write(_ bytes: [UInt8], _ name: String) throws -> String {
        let file = path + "/" + name
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        return file
    }
}

/// The recordings beside the package, which are no part of it.
enum Recordings {
    static let folder: String = {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        return package.deletingLastPathComponent().appendingPathComponent("shared/data/market").path
    }()

    static let arePresent = FileManager.default.fileExists(atPath: folder)
    static let absence: Comment = "the recordings in ../shared/data are not there"
}
