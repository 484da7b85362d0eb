import Foundation
import Testing

@testable import Feeds

@Suite("Compressed sources")
struct CompressedSourceTests {
    private let sizes = [[1], [7, 1, 4_096], [65_536], [1_000_000]]
    private let content = sampleBytes(300_000)

    private func gunzip(_ bytes: [UInt8], pieces: [Int] = [Int.max], reads: [Int] = [65_536])
        -> (bytes: [UInt8], error: InputError?)
    {
        drain(GzipSource(PiecewiseSource(bytes, sizes: pieces), name: "a.gz"), readSizes: reads)
    }

    private func unzstd(_ bytes: [UInt8], pieces: [Int] = [Int.max], reads: [Int] = [65_536])
        -> (bytes: [UInt8], error: InputError?)
    {
        drain(ZstdSource(PiecewiseSource(bytes, sizes: pieces), name: "a.zst"), readSizes: reads)
    }

    @Test("What is read does not depend on the sizes of reads")
    func readSizes() {
        let small = Array(content.prefix(40_000))
        let gz = Archives.gzip(small) + Archives.gzip(small)
        let zst = Archives.zstd(small) + Archives.zstd(small)
        for pieces in sizes {
            for reads in sizes {
                #expect(gunzip(gz, pieces: pieces, reads: reads).bytes == small + small)
                #expect(unzstd(zst, pieces: pieces, reads: reads).bytes == small + small)
            }
        }
    }

    @Test("Several gzip members, empty ones and padding are one input")
    func members() {
        let gz = Archives.gzip(content) + Archives.gzip([]) + Archives.gzip([1, 2, 3]) + [0, 0, 0]
        let (bytes, error) = gunzip(gz)
        #expect(bytes == content + [1, 2, 3])
        #expect(error == nil)
        let garbage = gunzip(Archives.gzip(content) + Array("garbage".utf8))
        #expect(garbage.bytes == content)
        #expect(garbage.error?.code == .damaged)
    }

    @Test("A gzip file that was cut gives what is before the cut, and says where it ends")
    func truncatedGzip() {
        let gz = Archives.gzip(content)
        for cut in [3, 10, 11, 100, gz.count / 2, gz.count - 9, gz.count - 8, gz.count - 4, gz.count - 1] {
            let (bytes, error) = gunzip(Array(gz.prefix(cut)))
            #expect(content.starts(with: bytes))
            #expect(error?.code == .endedEarly, "cut at \(cut)")
            #expect(error?.message.contains("a.gz: ") == true)
            #expect(error?.message.contains("byte \(cut)") == true)
        }
        let small = Archives.gzip(Array("one line\n".utf8))
        for cut in 1..<small.count { #expect(gunzip(Array(small.prefix(cut))).error?.code == .endedEarly) }
        let second = Archives.gzip(content) + gz.prefix(20)
        #expect(gunzip(second).bytes.starts(with: content))
        #expect(gunzip(second).error?.code == .endedEarly)
    }

    @Test("A changed byte of a gzip file is found")
    func damagedGzip() {
        let gz = Archives.gzip(Array(content.prefix(20_000)))
        // Bytes 3 to 9 of the header (flags, time, system) are not under a checksum.
        for index in [0, 1, 2] + Array(stride(from: 10, to: gz.count, by: 37)) {
            var damaged = gz
            damaged[index] ^= 0x10
            #expect(gunzip(damaged).error != nil, "byte \(index)")
        }
    }

    @Test("A Zstandard file that was cut or changed says so")
    func faultyZstd() {
        let zst = Archives.zstd(content)
        for cut in [1, 3, 5, 100, zst.count / 2, zst.count - 4, zst.count - 1] {
            let (bytes, error) = unzstd(Array(zst.prefix(cut)))
            #expect(content.starts(with: bytes))
            #expect(error?.code == .endedEarly, "cut at \(cut)")
        }
        for index in stride(from: 0, to: zst.count, by: 1 + zst.count / 200) {
            var damaged = zst
            damaged[index] ^= 0x10
            let outcome = unzstd(damaged)
            #expect(outcome.error != nil || outcome.bytes == content, "byte \(index)")
        }
        #expect(unzstd(zst + Array("garbage".utf8)).error?.code == .damaged)
        let skippable: [UInt8] = [0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 9, 9, 9]
        #expect(unzstd(skippable + zst + skippable).bytes == content)
    }

    @Test("A Zstandard window of more memory than is given is refused")
    func window() {
        let large = unzstd(Archives.zstd(Array(content.prefix(1_000)), windowLog: 28))
        #expect(large.error?.code == .unsupported)
        #expect(large.error?.message.contains("--long") == true)
        #expect(unzstd(Archives.zstd(content, windowLog: 27)).bytes == content)
    }

    @Test("Skipping is the same as reading and forgetting")
    func skip() throws {
        for source in [
            GzipSource(PiecewiseSource(Archives.gzip(content)), name: "a") as any ByteSource,
            ZstdSource(PiecewiseSource(Archives.zstd(content)), name: "a"),
        ] {
            try source.skip(to: 123_456)
            #expect(drain(source).bytes == Array(content[123_456...]))
            #expect(throws: InputError.self) { try source.skip(to: 300_001) }
        }
    }

    @Test("A failure of the source below comes behind what was read before it")
    func failureBelow() {
        let failure = InputError(.unavailable, "disk")
        let gz = Archives.gzip(content)
        let source = PiecewiseSource(Array(gz.prefix(gz.count / 2)), sizes: [1_000], failure: failure)
        let (bytes, error) = drain(GzipSource(source, name: "a"))
        #expect(!bytes.isEmpty && content.starts(with: bytes))
        #expect(error == failure)
    }
}
