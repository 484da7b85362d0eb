/// A piece of a compressed input and how far it was used.
///
/// Memory is bounded by its buffer.
final class CompressedInput {
    private static let bufferBytes = 256 * 1024

    /// What messages call the input.
    let name: String
    private let source: any ByteSource
    private let buffer: UnsafeMutableRawBufferPointer
    private var start = 0
    private var end = 0
    /// How many bytes of the input are left; nil where only the source knows.
    private var rest: Int64?
    /// The offset of `start` in the file.
    private(set) var offset: Int64

    /// Reads `length` bytes of `source`, which stands at `offset`, or all that there are.
    init(_ source: any ByteSource, name: String, offset: Int64 = 0, length: Int64? = nil) {
        self.source = source
        self.name = name
        self.offset = offset
        rest = length
        buffer = .allocate(byteCount: Self.bufferBytes, alignment: 64)
    }

    deinit {
        buffer.deallocate()
    }

    /// What was read and not used yet.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[start..<end]) }

    /// Reads more where nothing is left; false at the end.
    func refill() throws(InputError) -> Bool {
        guard start == end else { return true }
        start = 0
        end = 0
        let wanted = min(Int64(buffer.count), rest ?? Int64(buffer.count))
        guard wanted > 0 else { return false }
        end = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[0..<Int(wanted)]))
        if let rest { self.rest = rest - Int64(end) }
        return end > 0
    }

    func consume(_ count: Int) {
        start += count
        offset += Int64(count)
    }

    func error(_ code: InputError.Code, _ reason: String) -> InputError {
        InputError(code, "\(name): \(reason)")
    }

    var endedEarly: InputError {
        error(
            .endedEarly,
            "the compressed data ends early, at byte \(offset); what is before it was read, copy or download it again"
        )
    }

    func damaged(_ reason: String) -> InputError {
        error(.damaged, "the compressed data is damaged near byte \(offset) (\(reason)); copy or download it again")
    }
}

/// What a decompressor does at a time: bytes into the target, or the end.
///
/// Shared by the compressed sources: they fill the whole target where they can, and hand out what they have before
/// they report a failure, so that nothing readable is lost behind one.
class DecompressingSource: ByteSource {
    let input: CompressedInput
    private(set) var position: Int64 = 0
    private var failure: InputError?
    private var atEnd = false

    init(_ input: CompressedInput) {
        self.input = input
    }

    /// Decompresses some bytes into a target that is not empty; nil at the end.
    ///
    /// May give none and be called again.
    func decompress(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int? {
        nil
    }

    final func read(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
        var filled = 0
        while filled < target.count, failure == nil, !atEnd {
            do throws(InputError) {
                let rest = UnsafeMutableRawBufferPointer(rebasing: target[filled...])
                guard let count = try decompress(into: rest) else {
                    atEnd = true
                    break
                }
                filled += count
            } catch {
                failure = error
            }
        }
        if filled == 0, let failure { throw failure }
        position += Int64(filled)
        return filled
    }

    final func skip(to offset: Int64) throws(InputError) {
        try discard(from: position, to: offset, name: input.name)
    }
}
