public import MarketData

/// The frames of a tape, for those who look back at it.
public enum TapeFrames {
    /// Calls `body` with each frame that is whole and sound, in order; anything else is passed over.
    ///
    /// - Parameter body: gets pointers that are valid during the call.
    public static func forEach(
        in bytes: UnsafeRawBufferPointer,
        _ body: (
            _ kind: TapeFrameKind,
            _ receiptTime: Timestamp,
            _ connection: UnsafeRawBufferPointer,
            _ payload: UnsafeRawBufferPointer
        ) -> Void
    ) {
        var rest = bytes
        while !rest.isEmpty {
            switch TapeStretch(rest) {
            case .record(let record):
                let own = UnsafeRawBufferPointer(rebasing: rest[0..<record.byteCount])
                if let kind = TapeFrameKind(rawValue: record.kind), record.matchesChecksum(in: own) {
                    let time = Timestamp(nanoseconds: record.receiptTime)
                    body(kind, time, record.name(in: own), record.payload(in: own))
                }
                rest = UnsafeRawBufferPointer(rebasing: rest[record.byteCount...])
            case .damaged(let count): rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            case .incomplete: return
            }
        }
    }
}
