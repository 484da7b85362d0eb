/// Cuts a byte source into slabs of whole records.
///
/// Memory is bounded: a slab grows only for a record that is longer than it, up to `recordBytesMax`; of anything
/// longer the beginning is kept and the rest is skipped. Blocks while it reads; used by one thread at a time.
public final class SlabReader {
    /// The longest record that is decoded.
    ///
    /// Real feeds have sent records of 10 MB.
    public static let recordBytesMax = 32 * 1024 * 1024
    /// The usual size of a slab: large enough to amortise a hand-over, small enough for the caches.
    public static let slabBytes = 1024 * 1024

    private let source: any ByteSource
    private let framing: any RecordFraming
    private let isIncremental: Bool
    private let slabBytes: Int
    private var buffer: UnsafeMutableRawBufferPointer
    /// Bytes of the buffer that were read and not yet handed out.
    private var filled = 0
    private var offset: Int64
    private var atEnd = false
    /// Why there is no more: reported when everything before it has been handed out.
    private var failure: InputError?

    /// How many records may still be handed out; nil for all.
    private var recordsLeft: Int?
    private let recordsPerSlab: Int?

    /// Whether no more is handed out because no more records are wanted.
    public var endedByLimit: Bool { recordsLeft == 0 }

    /// Whether the first bytes may be the line end that a line lacked when the tape was read before.
    private var skipsLineEnd: Bool

    /// Reads `source`, which stands at `offset` of the tape.
    ///
    /// `afterOpenLine` says that what was read before ended with a line without its line end: if it comes now,
    /// it belongs to that line. `recordLimit` ends the tape after so many records; `recordsPerSlab` cuts it finer than
    /// by size, for a replay that keeps the pace of the recording.
    public init(
        _ source: any ByteSource,
        format: any RecordFraming,
        offset: Int64 = 0,
        afterOpenLine: Bool = false,
        recordLimit: Int? = nil,
        recordsPerSlab: Int? = nil,
        slabBytes: Int = SlabReader.slabBytes
    ) {
        self.source = source
        isIncremental = source is any IncrementalSource
        skipsLineEnd = afterOpenLine
        framing = format
        self.offset = offset
        self.slabBytes = slabBytes
        recordsLeft = recordLimit
        self.recordsPerSlab = recordsPerSlab
        buffer = .allocate(byteCount: slabBytes, alignment: 64)
    }

    deinit {
        buffer.deallocate()
    }

    /// The next slab, or nil at the end of the tape.
    ///
    /// - Throws: `InputError` from the source. What was read before it has been handed out, or is an open record.
    public func next() throws(InputError) -> Slab? {
        if recordsLeft == 0 { return nil }
        while true {
            fill()
            guard skipLineEnd() else { return nil }
            let content = UnsafeRawBufferPointer(rebasing: buffer[0..<filled])
            let whole = framing.wholeRecords(in: content)
            if whole > 0 { return take(limited(UnsafeRawBufferPointer(rebasing: content[0..<whole]))) }
            if let failure { throw failure }
            if atEnd { return takeOpenRecord() }
            // A source that gives what it has may have given less than there was room for.
            if filled < buffer.count { continue }
            if buffer.count < Self.recordBytesMax {
                resize(to: min(buffer.count * 2, Self.recordBytesMax))
            } else {
                return try skipOversizedRecord()
            }
        }
    }

    /// How many of the bytes, which are whole records, may be handed out at once.
    private func limited(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard let most = [recordsLeft, recordsPerSlab].compactMap({ $0 }).min() else { return bytes.count }
        var taken = 0
        var records = 0
        while taken < bytes.count, records < most {
            let first = framing.firstRecord(in: UnsafeRawBufferPointer(rebasing: bytes[taken...]))
            taken += first.byteCount
            records += first.isRecord ? 1 : 0
        }
        recordsLeft? -= records
        return taken
    }

    private func fill() {
        while filled < buffer.count, !atEnd {
            do throws(InputError) {
                let count = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
                if count == 0 { atEnd = true }
                filled += count
                // A pipe or a live file gives what it has: whole records need not wait for a full slab.
                if count > 0, filled < buffer.count, isIncremental { break }
            } catch {
                failure = error
                atEnd = true
            }
        }
    }

    /// Skips the line end that an earlier run missed; false where the tape ends again in the middle of it.
    private func skipLineEnd() -> Bool {
        guard skipsLineEnd, filled > 0 else { return true }
        let lineEnd = buffer[0] == UInt8(ascii: "\r") ? 1 : 0
        while filled <= lineEnd, !atEnd { fill() }
        // The line end is not whole yet: whoever reads on begins before it again.
        if filled <= lineEnd { return failure != nil }
        skipsLineEnd = false
        if buffer[lineEnd] == UInt8(ascii: "\n") { consume(lineEnd + 1) }
        return true
    }

    private func take(_ count: Int) -> Slab {
        let slab = Slab(copying: UnsafeRawBufferPointer(rebasing: buffer[0..<count]), offset: offset)
        consume(count)
        return slab
    }

    private func consume(_ count: Int) {
        let rest = filled - count
        if rest > 0, let start = buffer.baseAddress {
            start.copyMemory(from: start + count, byteCount: rest)
        }
        filled = rest
        offset += Int64(count)
        // One long record does not make all later slabs long: many of them are under way at a time.
        let usual = max(slabBytes, 4096)
        if buffer.count > usual, rest < usual / 2 { resize(to: usual) }
    }

    private func takeOpenRecord() -> Slab? {
        guard filled > 0 else { return nil }
        let content: Slab.Content = framing.lastRecordMayBeOpen ? .records : .truncatedRecord
        let slab = Slab(
            copying: UnsafeRawBufferPointer(rebasing: buffer[0..<filled]),
            offset: offset,
            content: content,
            isOpen: true
        )
        consume(filled)
        return slab
    }

    private func resize(to byteCount: Int) {
        let other = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
        other.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[0..<filled]))
        buffer.deallocate()
        buffer = other
    }

    /// Hands out the beginning of a record that is too long, having skipped everything up to its end.
    private func skipOversizedRecord() throws(InputError) -> Slab {
        let kept = Array(buffer[0..<RejectedRecord.rawBytesMax])
        let start = offset
        var foundEnd = false
        while !foundEnd {
            let content = UnsafeRawBufferPointer(rebasing: buffer[0..<filled])
            let skipped = framing.skipRecord(in: content)
            foundEnd = skipped.foundEnd
            consume(atEnd && !foundEnd ? filled : skipped.count)
            if atEnd { break }
            fill()
        }
        if !foundEnd, let failure { throw failure }
        recordsLeft? -= 1
        return kept.withUnsafeBytes { prefix in
            Slab(
                copying: prefix,
                offset: start,
                content: .oversizedRecord(length: Int(offset - start)),
                length: offset - start,
                isOpen: !foundEnd
            )
        }
    }
}

/// A source whose reads give what is there at the moment, such as a pipe.
public protocol IncrementalSource: ByteSource {}
