import Foundation
import Testing
import TickStore

/// The archive on a disk.
@Suite struct ArchiveFolderTests {
    private final class Folder {
        let path = NSTemporaryDirectory() + "/tapedesk-archive-\(UInt64.random(in: 0 ... .max))"

        init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(atPath: path) }

        var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }
    }

    private func code(_ body: () async throws(ArchiveError) -> Void) async -> ArchiveError.Code? {
        do throws(ArchiveError) {
            try await body()
            return nil
        } catch {
            return error.code
        }
    }

    @Test func aFileIsKeptOnce() async throws {
        let folder = try Folder()
        let archive = ArchiveFolder(path: folder.path)
        let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        try await archive.keep(bytes, as: "a.tda")
        try await archive.keep(bytes, as: "a.tda")
        #expect(try await archive.content(of: "a.tda") == bytes)
        #expect(try ArchiveFolder.content(ofFile: folder.path + "/a.tda") == bytes)
        #expect(try folder.names == ["a.tda"], "no temporary file is left")
    }

    @Test func anotherFileOfTheNameStaysAsItIs() async throws {
        let folder = try Folder()
        let archive = ArchiveFolder(path: folder.path)
        try await archive.keep([1, 2], as: "a.tda")
        #expect(await code { () throws(ArchiveError) in try await archive.keep([1, 3], as: "a.tda") } == .differs)
        #expect(try await archive.content(of: "a.tda") == [1, 2])
        #expect(try folder.names == ["a.tda"])
    }

    @Test func whatIsNotThereIsMissing() async throws {
        let folder = try Folder()
        let archive = ArchiveFolder(path: folder.path + "/none")
        #expect(await code { () throws(ArchiveError) in try await archive.keep([1], as: "a.tda") } == .missing)
        #expect(await code { () throws(ArchiveError) in _ = try await archive.content(of: "a.tda") } == .missing)
        let file = ArchiveFolder(path: folder.path)
        try FileManager.default.createDirectory(atPath: folder.path + "/b.tda", withIntermediateDirectories: false)
        #expect(await code { () throws(ArchiveError) in _ = try await file.content(of: "b.tda") } == .unavailable)
    }

    @Test func aFolderThatTakesNoFilesIsSaid() async throws {
        // Nothing can be created here, whoever asks.
        let archive = ArchiveFolder(path: "/proc")
        let error = await code { () throws(ArchiveError) in try await archive.keep([1], as: "a.tda") }
        #expect(error == .missing || error == .unavailable)
    }
}
