private import Synchronization

/// A recording that was opened for reading, whatever it is compressed with.
public final class TapeInput {
    /// How much of the beginning can be looked at before it is read.
    public static let headBytes = 64 * 1024

    public enum Compression: String, Sendable {
        case none
        case gzip
        case zstd
        case zip
    }

    /// The decompressed bytes from the beginning, those of `head` included.
    public let source: any ByteSource
    /// The file's name without its folders; `-` for the standard input.
    public let name: String
    /// The path as it was given, which messages name.
    public let path: String
    /// The name of the file within a zip archive.
    public let innerName: String?
    public let compression: Compression
    /// Whether skipping costs no reading.
    public let isSeekable: Bool
    /// The size of the file as it is stored; nil where it is not known.
    public let totalBytes: Int64?
    /// The first `headBytes` decompressed bytes, fewer only where the recording ends or breaks before.
    public let head: [UInt8]
    /// How far reading has come.
    ///
    /// May be looked at from any task.
    public let progress: InputProgress

    /// Opens a file, or the standard input for `-`.
    ///
    /// The compression follows from the content, not from the name.
    ///
    /// Waits until `headBytes` bytes are there, or the end.
    ///
    /// - Throws: `InputError`.
    public static func open(path: String, entry: String? = nil) throws(InputError) -> TapeInput {
        if path == "-" {
            let file = FileDescriptor(number: 0, name: "standard input", closesOnDeinit: false)
            return try TapeInput(stream: StandardInputSource(file), path: path, name: path)
        }
        let file = try FileDescriptor(path: path)
        let name = path.split(separator: "/").last.map(String.init) ?? path
        switch try file.kind() {
        case .directory:
            throw InputError(.unavailable, "\(path): is a directory; give the files in it")
        case .stream:
            return try TapeInput(stream: StandardInputSource(file), path: path, name: name)
        case .regular(let size):
            guard size > 0 else { throw Self.empty(path) }
            return try TapeInput(file: FileSource(file, size: size), path: path, name: name, entry: entry)
        }
    }

    /// Reads a file that grows, and waits for more where it ends.
    ///
    /// Cancelling `progress` ends the waiting, with an error; another file in its place ends it as the end of a file.
    /// Compressed files are not followed.
    ///
    /// - Throws: `InputError`, of code `unsupported` where there is nothing in the file yet.
    public convenience init(following file: FollowedFile) throws(InputError) {
        let head = try file.head()
        guard !head.isEmpty else { throw Self.empty(file.path) }
        guard try Magic.compression(head, file.path) == .none else {
            throw InputError(
                .unsupported,
                "\(file.path): is compressed: put it into a spool folder when it is complete"
            )
        }
        let name = file.path.split(separator: "/").last.map(String.init) ?? file.path
        self.init(live: file, head: head, name: name, path: file.path, progress: file.progress)
    }

    /// Reads a source that cannot seek, such as a pipe.
    public init(stream: any ByteSource, path: String, name: String) throws(InputError) {
        let progress = InputProgress()
        (stream as? StandardInputSource)?.progress = progress
        let (magic, source) = try CountingSource.wrapping(stream, progress).peeking(Magic.byteCount)
        guard !magic.isEmpty else { throw Self.empty(path) }
        let compression = try Magic.compression(magic, path)
        guard compression != .zip else {
            throw InputError(
                .unsupported,
                "\(path): a zip archive cannot be read from a pipe, its directory is at its end; give the file, or "
                    + "unpack it into the pipe (unzip -p FILE | …)"
            )
        }
        let decompressed = Self.decompressing(source, compression, path)
        (head, self.source) = try decompressed.peeking(Self.headBytes)
        guard !head.isEmpty else { throw Self.empty(path) }
        (self.path, self.name, innerName) = (path, name, nil)
        (self.compression, isSeekable, totalBytes) = (compression, false, nil)
        self.progress = progress
    }

    /// Reads a tape that is being written, and whose beginning may be gone: `head` tells it from others.
    ///
    /// The source ends waiting when `progress` is cancelled.
    public init(
        live source: any IncrementalSource,
        head: [UInt8],
        name: String,
        path: String? = nil,
        progress: InputProgress
    ) {
        self.source = CountingSource.wrapping(source, progress)
        self.head = head
        (self.path, self.name, innerName) = (path ?? name, name, nil)
        (compression, isSeekable, totalBytes) = (.none, true, nil)
        self.progress = progress
    }

    private init(file: FileSource, path: String, name: String, entry: String?) throws(InputError) {
        let progress = InputProgress()
        let (magic, _) = try file.peeking(Magic.byteCount)
        let compression = try Magic.compression(magic, path)
        try file.seek(to: 0)
        let opened: any ByteSource
        if compression == .zip {
            let zip = try ZipSource(file, name: path, entry: entry, progress: progress)
            (opened, innerName) = (zip, zip.entryName)
        } else {
            opened = Self.decompressing(CountingSource.wrapping(file, progress), compression, path)
            innerName = nil
        }
        (head, source) = try opened.peeking(Self.headBytes)
        guard !head.isEmpty else { throw Self.empty(path) }
        (self.path, self.name, self.compression) = (path, name, compression)
        (isSeekable, totalBytes) = (compression == .none, file.byteCount)
        self.progress = progress
    }

    private static func decompressing(
        _ source: any ByteSource,
        _ compression: Compression,
        _ path: String
    ) -> any ByteSource {
        switch compression {
        case .gzip: GzipSource(source, name: path)
        case .zstd: ZstdSource(source, name: path)
        case .none, .zip: source
        }
    }

    private static func empty(_ path: String) -> InputError {
        InputError(.unsupported, "\(path): is empty, there is nothing in it to read; was it recorded or copied whole?")
    }
}

/// How many bytes of an input were read, as they are stored.
public final class InputProgress: Sendable {
    private let count = Atomic<Int64>(0)
    private let cancelled = Atomic<Bool>(false)

    public init() {}

    /// Ends reading that waits for a sender, and all later reading.
    ///
    /// Of files nothing waits.
    public func cancel() { cancelled.store(true, ordering: .relaxed) }

    public var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

    /// The offset up to which the stored, perhaps compressed, bytes were read.
    public var compressedOffset: Int64 { count.load(ordering: .relaxed) }

    func move(to offset: Int64) {
        count.store(offset, ordering: .relaxed)
    }
}

/// Counts what is read of a source.
class CountingSource: ByteSource {
    private let source: any ByteSource
    private let progress: InputProgress
    private var offset: Int64

    fileprivate init(_ source: any ByteSource, _ progress: InputProgress, offset: Int64) {
        self.source = source
        self.progress = progress
        self.offset = offset
    }

    /// The same source, counted from `offset`.
    ///
    /// What gives bytes as they come still does.
    static func wrapping(_ source: any ByteSource, _ progress: InputProgress, offset: Int64 = 0) -> any ByteSource {
        source is any IncrementalSource
            ? IncrementalCountingSource(source, progress, offset: offset)
            : CountingSource(source, progress, offset: offset)
    }

    final func read(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
        let count = try source.read(into: target)
        offset += Int64(count)
        progress.move(to: offset)
        return count
    }

    final func skip(to offset: Int64) throws(InputError) {
        try source.skip(to: offset)
        self.offset = offset
        progress.move(to: offset)
    }
}

private final class IncrementalCountingSource: CountingSource, IncrementalSource {}

/// Recognises compression by the first bytes.
private enum Magic {
    static let byteCount = 8

    static func compression(_ bytes: [UInt8], _ path: String) throws(InputError) -> TapeInput.Compression {
        if bytes.starts(with: [0x1F, 0x8B]) { return .gzip }
        if bytes.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) { return .zstd }
        // A skippable frame, as pzstd and seekable archives begin with.
        if bytes.count >= 4, bytes[0] & 0xF0 == 0x50, bytes[1...].starts(with: [0x2A, 0x4D, 0x18]) { return .zstd }
        if bytes.starts(with: [0x50, 0x4B, 3, 4]) || bytes.starts(with: [0x50, 0x4B, 5, 6]) { return .zip }
        let others: [(magic: [UInt8], name: String, tool: String)] = [
            ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], "xz", "xz -dc"),
            (Array("BZh".utf8), "bzip2", "bzip2 -dc"),
            ([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], "7-Zip", "7z x -so"),
            ([0x04, 0x22, 0x4D, 0x18], "lz4", "lz4 -dc"),
            ([0x50, 0x4B, 7, 8], "zip in several parts", "unzip -p"),
        ]
        for other in others where bytes.starts(with: other.magic) {
            throw InputError(
                .unsupported,
                "\(path): is compressed with \(other.name); gzip, zstd and zip are read. "
                    + "Unpack it into a pipe (\(other.tool) FILE | …) and read -"
            )
        }
        return .none
    }
}
