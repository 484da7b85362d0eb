import Foundation
import Testing

@testable import Feeds

@Suite("Opening recordings")
struct TapeInputTests {
    private let folder: TemporaryFolder
    private let content = sampleBytes(200_000)

    init() throws {
        folder = try TemporaryFolder()
    }

    private func error(_ path: String) -> InputError? {
        do throws(InputError) {
            _ = try TapeInput.open(path: path)
            return nil
        } catch {
            return error
        }
    }

    @Test("The compression follows from the content, and the head is not lost")
    func compressions() throws {
        let cases: [(bytes: [UInt8], compression: TapeInput.Compression)] = [
            (content, .none), (Archives.gzip(content), .gzip), (Archives.zstd(content), .zstd),
        ]
        for (bytes, compression) in cases {
            let input = try TapeInput.open(path: try folder.write(bytes, "wrong.zip"))
            #expect(input.compression == compression)
            #expect(input.head == Array(content.prefix(TapeInput.headBytes)))
            #expect(input.totalBytes == Int64(bytes.count))
            #expect(input.isSeekable == (compression == .none))
            #expect(input.progress.compressedOffset > 0)
            #expect(drain(input.source, readSizes: [1_000, 100_000]).bytes == content)
            #expect(input.progress.compressedOffset == Int64(bytes.count))
        }
    }

    @Test("Skipping within the head, behind it, and too far")
    func skipping() throws {
        for bytes in [content, Archives.gzip(content)] {
            let path = try folder.write(bytes, "a")
            for offset in [0, 1, 65_535, 65_536, 65_537, 199_999, 200_000] {
                let input = try TapeInput.open(path: path)
                try input.source.skip(to: Int64(offset))
                #expect(drain(input.source).bytes == Array(content[offset...]))
            }
            let input = try TapeInput.open(path: path)
            do throws(InputError) {
                try input.source.skip(to: 200_001)
                Issue.record("skipped behind the end")
            } catch {
                #expect(error.code == .endedEarly)
            }
        }
    }

    @Test("A pipe is read as a file is, and gives what it has")
    func pipe() throws {
        for bytes in [content, Archives.gzip(content), Archives.zstd(content)] {
            let pipe = Pipe()
            let writer = Thread {
                try? pipe.fileHandleForWriting.write(contentsOf: Data(bytes))
                try? pipe.fileHandleForWriting.close()
            }
            writer.start()
            let source = StandardInputSource(descriptor: pipe.fileHandleForReading.fileDescriptor)
            let input = try TapeInput(stream: source, path: "-", name: "-")
            #expect(input.totalBytes == nil)
            #expect(!input.isSeekable)
            #expect(drain(input.source).bytes == content)
            if input.compression == .none { #expect(input.source is any IncrementalSource) }
            withExtendedLifetime(pipe) {}
        }
    }

    @Test("What cannot be opened is named, with the reason and what to do")
    func unavailable() throws {
        let missing = error(folder.path + "/none.gz")
        #expect(missing?.code == .unavailable)
        #expect(missing?.message.contains("none.gz: cannot be opened: No such file or directory; check") == true)
        #expect(error(folder.path)?.message.contains("is a directory") == true)
        #expect(error(try folder.write([], "empty"))?.message.contains("is empty") == true)
        #expect(error(try folder.write(Archives.gzip([]), "empty.gz"))?.message.contains("is empty") == true)
        #expect(error(try folder.write(Array("BZh91AY".utf8), "a.bz2"))?.message.contains("bzip2 -dc") == true)
        let secret = try folder.write([1], "secret")
        try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: secret)
        // The super-user may read everything.
        if let denied = error(secret) { #expect(denied.message.contains("Permission denied")) }
    }

    @Test("A file that breaks within its head can still be looked at, and fails where it breaks")
    func brokenHead() throws {
        let gz = Archives.gzip(content)
        let input = try TapeInput.open(path: try folder.write(Array(gz.prefix(5_000)), "cut.gz"))
        #expect(!input.head.isEmpty && input.head.count < TapeInput.headBytes)
        let (bytes, error) = drain(input.source)
        #expect(bytes == input.head)
        #expect(error?.code == .endedEarly)
        #expect(self.error(try folder.write(Array(gz.prefix(12)), "cut.gz"))?.code == .endedEarly)
    }
}
