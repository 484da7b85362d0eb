/// What is on a tape, without decoding it.
public struct TapeSurvey: Sendable {
    public let header: TapeHeader
    /// The lines of its whole records, as positions count them: the header is one, and so is a damaged stretch.
    public let lineCount: Int64
    /// Up to where it has whole records; behind that is a torn one.
    public let wholeBytes: Int64
    /// The length of the file.
    public let byteCount: Int64

    /// Reads a tape to its end; nil where the file ends within the header.
    ///
    /// Blocks.
    ///
    /// - Throws: `InputError` where there is no such file, or it is no tape.
    public init?(path: String) throws(InputError) {
        let file = try FileSource(path: path)
        guard file.byteCount > 0 else { return nil }
        let (head, source) = try file.peeking(256 * 1024)
        do throws(TapeError) {
            header = try TapeHeader(head: head)
        } catch {
            let isTorn = error == .headerCutOff || TapeRecord.mayBegin(head)
            if isTorn, file.byteCount == head.count { return nil }
            throw InputError(.unsupported, "\(path): cannot go on with it as a tape: \(error)")
        }
        let boundaries = TapeBoundaries()
        let reader = SlabReader(source, format: boundaries)
        var lines: Int64 = 0
        var whole: Int64 = 0
        while let slab = try reader.next(), !slab.isOpen {
            lines += boundaries.lines(in: slab)
            whole = slab.offsets.upperBound
        }
        (lineCount, wholeBytes, byteCount) = (lines, whole, file.byteCount)
    }
}

/// Finds the ends of records and decodes none.
private struct TapeBoundaries: RecordFraming {
    let name = FormatName.tape.rawValue
    let lastRecordMayBeOpen = false

    func wholeRecords(in bytes: UnsafeRawBufferPointer) -> Int { TapeStretch.wholeRecords(in: bytes) }

    func firstRecord(in bytes: UnsafeRawBufferPointer) -> (byteCount: Int, isRecord: Bool) { (bytes.count, true) }

    func skipRecord(in bytes: UnsafeRawBufferPointer) -> (count: Int, foundEnd: Bool) { TapeStretch.skip(bytes) }

    /// The lines that the decoder of tapes takes a slab for.
    func lines(in slab: Slab) -> Int64 {
        guard case .records = slab.content else { return 1 }
        var lines: Int64 = 0
        var rest = slab.bytes
        while !rest.isEmpty {
            lines += 1
            switch TapeStretch(rest) {
            case .record(let record): rest = UnsafeRawBufferPointer(rebasing: rest[record.byteCount...])
            case .damaged(let count): rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            case .incomplete: return lines
            }
        }
        return lines
    }
}
