/// Decompresses the one file of a zip archive, checking its length and its CRC-32 at the end.
public final class ZipSource: ByteSource {
    private let source: Entry
    /// The name of the file within the archive.
    public let entryName: String

    /// Opens the archive in `file`; `name` is what messages call it.
    ///
    /// `entry` chooses one of several files.
    ///
    /// - Throws: `InputError`, `unsupported` where it is not clear which file is meant, or how it was compressed.
    public convenience init(_ file: FileSource, name: String, entry: String? = nil) throws(InputError) {
        try self.init(file, name: name, entry: entry, progress: InputProgress())
    }

    init(
        _ file: FileSource,
        name: String,
        entry entryName: String?,
        progress: InputProgress
    ) throws(InputError) {
        let directory = try ZipDirectory(file, name: name)
        let entry = try Self.choose(directory.entries.filter { !$0.isFolder }, entryName, name)
        guard !entry.isEncrypted else {
            throw InputError(.unsupported, "\(name): the zip archive is encrypted; unpack it with its password first")
        }
        guard entry.method == 0 || entry.method == 8 else {
            throw InputError(
                .unsupported,
                "\(name): the zip archive uses compression method \(entry.method); only stored and deflate are read, "
                    + "unpack it first"
            )
        }
        guard entry.method != 0 || entry.size == entry.compressedSize else {
            throw InputError(
                .damaged,
                "\(name): the zip archive is damaged: a stored file has two sizes; copy or download it again"
            )
        }
        let offset = try directory.dataOffset(entry)
        try file.seek(to: offset)
        let counted = CountingSource.wrapping(file, progress, offset: offset)
        let input = CompressedInput(counted, name: name, offset: offset, length: entry.compressedSize)
        source = Entry(input, entry)
        self.entryName = entry.name
    }

    private static func choose(
        _ entries: [ZipDirectory.Entry],
        _ wanted: String?,
        _ name: String
    ) throws(InputError) -> ZipDirectory.Entry {
        let candidates = wanted.map { wanted in entries.filter { $0.name == wanted } } ?? entries
        if candidates.count == 1 { return candidates[0] }
        let names = entries.prefix(5).map { printable($0.name) }.joined(separator: ", ")
        let list = names + (entries.count > 5 ? ", …" : "")
        if entries.isEmpty { throw InputError(.unsupported, "\(name): the zip archive has no file in it") }
        if let wanted {
            throw InputError(
                .unsupported,
                "\(name): has \(candidates.count) files named \(printable(wanted)); give one of \(list)"
            )
        }
        throw InputError(
            .unsupported,
            "\(name): the zip archive has \(entries.count) files (\(list)); unpack it and replay them one by one"
        )
    }

    public func read(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
        try source.read(into: target)
    }

    public func skip(to offset: Int64) throws(InputError) { try source.skip(to: offset) }

    private final class Entry: DecompressingSource {
        private let entry: ZipDirectory.Entry
        private let inflater: Inflater?
        private var crc: UInt32 = 0
        private var written: Int64 = 0
        private var isComplete = false

        init(_ input: CompressedInput, _ entry: ZipDirectory.Entry) {
            self.entry = entry
            inflater = entry.method == 8 ? Inflater(.raw) : nil
            super.init(input)
        }

        override func decompress(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int? {
            guard !isComplete else { return nil }
            let count = if let inflater { try inflate(inflater, target) } else { try copy(target) }
            crc = Inflater.crc32(crc, UnsafeRawBufferPointer(rebasing: target[0..<count]))
            written += Int64(count)
            guard written <= entry.size else { throw input.damaged("more data than the directory says") }
            if isComplete {
                guard written == entry.size else { throw input.damaged("less data than the directory says") }
                guard crc == entry.crc else { throw input.damaged("wrong CRC-32 of the whole file") }
            }
            return count
        }

        private func inflate(
            _ inflater: Inflater,
            _ target: UnsafeMutableRawBufferPointer
        ) throws(InputError) -> Int {
            let hasInput = try input.refill()
            // Without input there may still be output that did not fit before.
            let (used, count, state) = inflater.step(input.bytes, into: target)
            input.consume(used)
            switch state {
            case .more: if !hasInput, count == 0 { throw input.endedEarly }
            case .finished: isComplete = true
            case .failed(let reason): throw input.damaged(reason)
            }
            return count
        }

        private func copy(_ target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
            guard try input.refill() else {
                guard written == entry.size else { throw input.endedEarly }
                isComplete = true
                return 0
            }
            let count = min(target.count, input.bytes.count)
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: input.bytes[0..<count]))
            input.consume(count)
            return count
        }
    }
}
