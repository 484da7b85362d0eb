/// A piece of a tape that holds whole records, handed from the reader to a decoder.
///
/// Filled once by the reader and only read afterwards, which is why it may cross tasks.
public final class Slab: @unchecked Sendable {
    /// Bytes that are readable, and zero, behind the content: JSON is scanned in wide steps.
    public static let padding = 64

    /// What a slab holds.
    public enum Content: Sendable {
        /// Whole records, the last one perhaps without its line end at the end of the tape.
        case records
        /// The beginning of one record that is longer than a reader holds; the rest was skipped.
        case oversizedRecord(length: Int)
        /// The beginning of a record that the tape ends in the middle of.
        case truncatedRecord
    }

    private let storage: UnsafeMutableRawBufferPointer
    public let count: Int
    public let content: Content
    /// The offset of the first byte on the decompressed tape, and of the byte behind the last.
    public let offsets: Range<Int64>
    /// Whether the tape ended before the last record did: a last line without its line end, whole or cut.
    public let isOpen: Bool

    /// Copies `bytes`, which begin at `offset` of the tape.
    ///
    /// `length` is how much of the tape the slab stands for, where that is more than its bytes.
    public init(
        copying bytes: UnsafeRawBufferPointer,
        offset: Int64,
        content: Content = .records,
        length: Int64? = nil,
        isOpen: Bool = false
    ) {
        storage = .allocate(byteCount: bytes.count + Self.padding, alignment: 64)
        storage.copyMemory(from: bytes)
        storage.baseAddress?.advanced(by: bytes.count).initializeMemory(
            as: UInt8.self,
            repeating: 0,
            count: Self.padding
        )
        count = bytes.count
        self.content = content
        self.isOpen = isOpen
        offsets = offset..<(offset + (length ?? Int64(bytes.count)))
    }

    deinit {
        storage.deallocate()
    }

    /// The content; `Slab.padding` readable bytes follow it.
    public var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: storage[0..<count])
    }
}
