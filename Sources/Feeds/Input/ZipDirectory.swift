/// The central directory of a zip archive, read with every offset and length checked against the file.
///
/// Specification: PKWARE, APPNOTE.TXT 6.3.x, sections 4.3 and 4.5.3.
struct ZipDirectory {
    struct Entry: Equatable {
        let name: String
        let isEncrypted: Bool
        let method: UInt16
        let crc: UInt32
        let compressedSize: Int64
        let size: Int64
        let headerOffset: Int64

        var isFolder: Bool { name.hasSuffix("/") }
    }

    /// The directory of an archive of one recording is a hundred bytes; more than this is no such archive.
    static let bytesMax: Int64 = 4 * 1024 * 1024

    private let name: String
    private let file: FileSource
    let entries: [Entry]

    init(_ file: FileSource, name: String) throws(InputError) {
        self.file = file
        self.name = name
        let reader = Reader(file: file, name: name)
        let place = try reader.directoryPlace()
        entries = try reader.entries(place)
    }

    /// Where the data of an entry begins: behind its local header, whose own lengths decide.
    func dataOffset(_ entry: Entry) throws(InputError) -> Int64 {
        let reader = Reader(file: file, name: name)
        let header = try reader.bytes(at: entry.headerOffset, count: 30)
        guard header.starts(with: [0x50, 0x4B, 3, 4]) else {
            throw reader.damaged("no entry where the directory says there is one")
        }
        let offset = entry.headerOffset + 30 + Int64(header.integer16(26)) + Int64(header.integer16(28))
        guard offset <= file.byteCount, entry.compressedSize <= file.byteCount - offset else {
            throw reader.damaged("the entry \(printable(entry.name)) reaches behind the end of the file")
        }
        return offset
    }
}

/// A name from an archive as a message may show it: without control characters, and not of any length.
func printable(_ name: String) -> String {
    let scalars = name.unicodeScalars.prefix(80).map { $0.value < 0x20 || $0.value == 0x7F ? "?" : Character($0) }
    return String(scalars)
}

/// Reads the pieces of the directory.
private struct Reader {
    struct Place {
        let offset: Int64
        let count: Int64
        let entryCount: UInt64
    }

    let file: FileSource
    let name: String

    func damaged(_ reason: String) -> InputError {
        InputError(.damaged, "\(name): the zip archive is damaged: \(reason); copy or download it again")
    }

    func bytes(at offset: Int64, count: Int) throws(InputError) -> [UInt8] {
        guard offset >= 0, offset <= file.byteCount, Int64(count) <= file.byteCount - offset else {
            throw damaged("a header reaches behind the end of the file")
        }
        try file.seek(to: offset)
        var bytes = [UInt8](repeating: 0, count: count)
        let result = bytes.withUnsafeMutableBytes { target -> Result<Int, InputError> in
            do throws(InputError) { return .success(try file.read(into: target)) } catch { return .failure(error) }
        }
        guard try result.get() == count else { throw damaged("the file became shorter") }
        return bytes
    }

    /// Finds the end record, which a comment may follow, and what it says about the directory.
    func directoryPlace() throws(InputError) -> Place {
        let tailCount = Int(min(file.byteCount, 22 + 0xFFFF))
        let tailOffset = file.byteCount - Int64(tailCount)
        let tail = try bytes(at: tailOffset, count: tailCount)
        var index = tailCount - 22
        while index >= 0 {
            let isRecord = tail[index...].starts(with: [0x50, 0x4B, 5, 6])
            if isRecord, index + 22 + Int(tail.integer16(index + 20)) == tailCount { break }
            index -= 1
        }
        guard index >= 0 else {
            throw InputError(
                .endedEarly,
                "\(name): the zip archive ends early: the directory at its end is missing; copy or download it again"
            )
        }
        let record = Array(tail[index...])
        guard record.integer16(4) == record.integer16(6), record.integer16(8) == record.integer16(10) else {
            throw InputError(.unsupported, "\(name): is one part of a zip archive in several; join the parts first")
        }
        let place = Place(
            offset: Int64(record.integer32(16)),
            count: Int64(record.integer32(12)),
            entryCount: UInt64(record.integer16(10))
        )
        let needsWide = place.offset == 0xFFFF_FFFF || place.count == 0xFFFF_FFFF || place.entryCount == 0xFFFF
        let recordOffset = tailOffset + Int64(index)
        return needsWide ? try widePlace(before: recordOffset) ?? place : place
    }

    /// The directory's place according to the zip64 end record, where there is one.
    private func widePlace(before recordOffset: Int64) throws(InputError) -> Place? {
        guard recordOffset >= 20 else { return nil }
        let locator = try bytes(at: recordOffset - 20, count: 20)
        guard locator.starts(with: [0x50, 0x4B, 6, 7]) else { return nil }
        let record = try bytes(at: try offset(locator, 8), count: 56)
        guard record.starts(with: [0x50, 0x4B, 6, 6]) else { throw damaged("its zip64 record is missing") }
        return Place(
            offset: try offset(record, 48),
            count: try offset(record, 40),
            entryCount: record.integer64(32)
        )
    }

    private func offset(_ bytes: [UInt8], _ index: Int) throws(InputError) -> Int64 {
        guard let value = Int64(exactly: bytes.integer64(index)) else { throw damaged("an offset is impossible") }
        return value
    }

    func entries(_ place: Place) throws(InputError) -> [ZipDirectory.Entry] {
        guard place.count <= ZipDirectory.bytesMax else {
            throw InputError(
                .unsupported,
                "\(name): the zip archive has a directory of \(place.count) bytes; "
                    + "make an archive with the one recording in it"
            )
        }
        let directory = try bytes(at: place.offset, count: Int(place.count))
        var entries: [ZipDirectory.Entry] = []
        var index = 0
        while UInt64(entries.count) < place.entryCount {
            guard index + 46 <= directory.count, directory[index...].starts(with: [0x50, 0x4B, 1, 2]) else {
                throw damaged("its directory ends after \(entries.count) of \(place.entryCount) entries")
            }
            let nameCount = Int(directory.integer16(index + 28))
            let extraCount = Int(directory.integer16(index + 30))
            let end = index + 46 + nameCount + extraCount + Int(directory.integer16(index + 32))
            guard end <= directory.count else { throw damaged("an entry of its directory is cut off") }
            let header = Array(directory[index..<(index + 46 + nameCount + extraCount)])
            entries.append(try entry(header, nameCount: nameCount))
            index = end
        }
        return entries
    }

    private func entry(_ header: [UInt8], nameCount: Int) throws(InputError) -> ZipDirectory.Entry {
        let extra = Array(header[(46 + nameCount)...])
        // The zip64 field holds, in this order, those of the values that did not fit.
        var wide = try wideValues(extra)[...]
        func value(_ narrow: UInt32) throws(InputError) -> Int64 {
            guard narrow == UInt32.max else { return Int64(narrow) }
            guard let first = wide.popFirst(), let value = Int64(exactly: first) else {
                throw damaged("a size is missing or impossible")
            }
            return value
        }
        let size = try value(header.integer32(24))
        let compressedSize = try value(header.integer32(20))
        let headerOffset = try value(header.integer32(42))
        return ZipDirectory.Entry(
            name: String(decoding: header[46..<(46 + nameCount)], as: UTF8.self),
            isEncrypted: header.integer16(8) & 1 != 0,
            method: header.integer16(10),
            crc: header.integer32(16),
            compressedSize: compressedSize,
            size: size,
            headerOffset: headerOffset
        )
    }

    private func wideValues(_ extra: [UInt8]) throws(InputError) -> [UInt64] {
        var index = 0
        while index + 4 <= extra.count {
            let count = Int(extra.integer16(index + 2))
            guard index + 4 + count <= extra.count else { throw damaged("an extra field is cut off") }
            if extra.integer16(index) == 1 {
                return (0..<(count / 8)).map { extra.integer64(index + 4 + $0 * 8) }
            }
            index += 4 + count
        }
        return []
    }
}

extension Array where Element == UInt8 {
    /// The little-endian integers of file formats; the caller has checked that they are there.
    func integer16(_ index: Int) -> UInt16 { UInt16(self[index]) | UInt16(self[index + 1]) << 8 }
    func integer32(_ index: Int) -> UInt32 { UInt32(integer16(index)) | UInt32(integer16(index + 2)) << 16 }
    func integer64(_ index: Int) -> UInt64 { UInt64(integer32(index)) | UInt64(integer32(index + 4)) << 32 }
}
