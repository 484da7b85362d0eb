import Foundation
import Testing

@testable import Feeds

@Suite("Zip archives")
struct ZipSourceTests {
    private let folder: TemporaryFolder
    private let content = sampleBytes(200_000)

    init() throws {
        folder = try TemporaryFolder()
    }

    private func open(_ archive: [UInt8], entry: String? = nil) throws -> TapeInput {
        try TapeInput.open(path: try folder.write(archive, "a.zip"), entry: entry)
    }

    private func failure(_ archive: [UInt8]) throws -> InputError? {
        let path = try folder.write(archive, "a.zip")
        do throws(InputError) {
            return drain(try TapeInput.open(path: path).source).error
        } catch {
            return error
        }
    }

    @Test("Stored and deflated files, zip64 fields, comments and folders")
    func wholeArchives() throws {
        for isStored in [true, false] {
            for isWide in [true, false] {
                let file = Archives.ZipFile(name: "x_trade.csv", content: content, isStored: isStored, isWide: isWide)
                let folderEntry = Archives.ZipFile(name: "f/", content: [], isStored: true)
                for reads in [[1_000_000], [4_096, 1, 17]] {
                    let input = try open(Archives.zip([folderEntry, file], comment: "PK and more"))
                    #expect(input.innerName == "x_trade.csv")
                    #expect(input.compression == .zip)
                    #expect(input.name == "a.zip")
                    #expect(!input.isSeekable)
                    let (bytes, error) = drain(input.source, readSizes: reads)
                    #expect(bytes == content)
                    #expect(error == nil)
                }
            }
        }
    }

    @Test("A wrong CRC-32 or length is found at the end")
    func checks() throws {
        for isStored in [true, false] {
            let file = Archives.ZipFile(name: "a", content: content, isStored: isStored, crc: 1)
            let error = try failure(Archives.zip([file]))
            #expect(error?.code == .damaged)
            #expect(error?.message.contains("CRC-32") == true)
        }
        for size in [content.count - 1, content.count + 1] {
            let file = Archives.ZipFile(name: "a", content: content, declaredSize: size)
            #expect(try failure(Archives.zip([file]))?.code == .damaged)
        }
    }

    @Test("What cannot be read is refused with a reason")
    func refused() throws {
        let file = Archives.ZipFile(name: "a.csv", content: content)
        var encrypted = file
        encrypted.isEncrypted = true
        #expect(try failure(Archives.zip([encrypted]))?.message.contains("encrypted") == true)
        var bzip2 = file
        bzip2.method = 12
        #expect(try failure(Archives.zip([bzip2]))?.message.contains("method 12") == true)
        #expect(try failure(Archives.zip([]))?.code == .unsupported)
        var other = file
        other.name = "b.csv"
        let two = Archives.zip([file, other])
        let error = try failure(two)
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains("a.csv, b.csv") == true)
        #expect(drain(try open(two, entry: "b.csv").source).bytes == content)
        #expect(throws: InputError.self) { try open(two, entry: "c.csv") }
        #expect(throws: InputError.self) {
            try TapeInput(stream: PiecewiseSource(Archives.zip([file])), path: "-", name: "-")
        }
    }

    @Test("An archive that was cut anywhere is an error, never a crash or a whole file")
    func truncated() throws {
        let small = Archives.zip([Archives.ZipFile(name: "a.csv", content: Array("1,2,3\n".utf8))])
        for cut in 4..<small.count {
            #expect(try failure(Array(small.prefix(cut))) != nil, "cut at \(cut)")
        }
        #expect(try failure(Array(small.prefix(small.count - 5)))?.code == .endedEarly)
    }

    @Test("Any changed byte gives the content or an error")
    func mutated() throws {
        let content = Array("1,2,3\n4,5,6\n".utf8)
        for isWide in [true, false] {
            let archive = Archives.zip([Archives.ZipFile(name: "a.csv", content: content, isWide: isWide)])
            for index in archive.indices {
                for change: UInt8 in [1, 0x80, 0xFF] {
                    var mutated = archive
                    mutated[index] ^= change
                    let path = try folder.write(mutated, "m.zip")
                    guard let input = try? TapeInput.open(path: path), input.compression == .zip else { continue }
                    let (bytes, error) = drain(input.source)
                    #expect(bytes == content || error != nil, "byte \(index)")
                }
            }
        }
    }
}
