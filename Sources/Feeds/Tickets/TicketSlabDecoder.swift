import MarketData

/// Why a record is no frame.
///
/// The reason names fields and columns, not what they hold.
struct TicketFault: Error {
    let rule: RejectRule
    let reason: String

    init(_ rule: RejectRule, _ reason: String) {
        self.rule = rule
        self.reason = reason
    }
}

/// The first bytes of a stretch of a feed.
struct RecordPiece {
    enum Content {
        case record
        /// A record that the tape ends before the end of.
        case openRecord
        /// A line that positions count and that holds no record.
        case line
        /// What stands between records.
        case separator
    }

    let content: Content
    let byteCount: Int
}

/// What is particular to a ticket format: where its records end, and what one of them says.
protocol TicketRecords {
    /// The first piece of bytes that are whole records or, where `isOpen`, the end of a tape without its line end.
    func firstPiece(of bytes: UnsafeRawBufferPointer, isOpen: Bool) -> RecordPiece

    /// Decodes one record without its line end. `Slab.padding` bytes behind it are readable.
    ///
    /// Position and digest are the caller's business.
    mutating func decode(_ record: UnsafeRawBufferPointer) throws(TicketFault) -> TicketFrame
}

/// Splits slabs into records and checks what they decode to.
final class TicketSlabDecoder<Records: TicketRecords>: TicketDecoder {
    private var records: Records

    init(_ records: Records) {
        self.records = records
    }

    func decode(_ slab: Slab) -> TicketBatch {
        var builder = TicketBatchBuilder(slab)
        switch slab.content {
        case .records: decodeRecords(slab, &builder)
        case .truncatedRecord: builder.truncate(slab.bytes)
        case .oversizedRecord(let length): builder.rejectTooLarge(slab, length: length)
        }
        return builder.batch
    }

    private func decodeRecords(_ slab: Slab, _ builder: inout TicketBatchBuilder) {
        var rest = slab.bytes
        while !rest.isEmpty {
            let piece = records.firstPiece(of: rest, isOpen: slab.isOpen)
            let bytes = UnsafeRawBufferPointer(rebasing: rest[..<piece.byteCount])
            rest = UnsafeRawBufferPointer(rebasing: rest[piece.byteCount...])
            switch piece.content {
            case .separator: break
            case .line: builder.skipLine()
            case .record: decodeRecord(bytes, isOpen: false, &builder)
            case .openRecord: decodeRecord(bytes, isOpen: true, &builder)
            }
        }
    }

    private func decodeRecord(_ bytes: UnsafeRawBufferPointer, isOpen: Bool, _ builder: inout TicketBatchBuilder) {
        let record = bytes.withoutLineEnd
        do throws(TicketFault) {
            let frame = try records.decode(record)
            try frame.check()
            builder.append(frame, record)
        } catch {
            // A last record without its end that does not parse was cut off: it is not the feed's fault.
            if isOpen, error.rule == .malformed || error.rule == .invalidUTF8 {
                builder.truncate(bytes)
            } else {
                builder.reject(error, record)
            }
        }
    }
}

extension UnsafeRawBufferPointer {
    /// The bytes without a line end behind them.
    var withoutLineEnd: UnsafeRawBufferPointer {
        guard last == UInt8(ascii: "\n") else {
            // A carriage return at the end of the tape is half a line end.
            return last == UInt8(ascii: "\r") ? UnsafeRawBufferPointer(rebasing: dropLast()) : self
        }
        let line = UnsafeRawBufferPointer(rebasing: dropLast())
        return line.last == UInt8(ascii: "\r") ? UnsafeRawBufferPointer(rebasing: line.dropLast()) : line
    }

    /// The bytes without a byte-order mark before them.
    var withoutByteOrderMark: UnsafeRawBufferPointer {
        starts(with: [0xEF, 0xBB, 0xBF]) ? UnsafeRawBufferPointer(rebasing: self[3...]) : self
    }

    /// The FNV-1a hash of the bytes, 64 bits (Fowler, Noll, Vo).
    var fnv1a64: UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in self {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        return hash
    }
}
