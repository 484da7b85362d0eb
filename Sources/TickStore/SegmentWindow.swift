import BSON
import DocumentStore

/// What a segment knows of one of the windows that were rolled up into it.
struct SegmentWindow: Equatable, Sendable {
    /// The start of the window, in nanoseconds.
    let start: Int64
    /// The last part of the window that is in the segment.
    let lastPart: Int64
    /// The tape position of the last event of that part.
    let appliedThrough: Int64

    private enum Field {
        static let start = "start"
        static let lastPart = "last_part"
        static let appliedThrough = "applied_through"
    }

    /// The windows of a document; none where it is a bucket.
    ///
    /// - Throws: `StoreError` with code `unreadable`.
    static func all(in document: BSONDocument) throws(StoreError) -> [SegmentWindow] {
        guard let list = document[MarketDataCollection.Field.windows] else { return [] }
        guard let entries = list.array else { throw unreadable }
        var windows: [SegmentWindow] = []
        for entry in entries {
            guard let entry = entry.document, let start = entry[Field.start]?.integer,
                let part = entry[Field.lastPart]?.integer, let applied = entry[Field.appliedThrough]?.integer
            else { throw unreadable }
            windows.append(SegmentWindow(start: start, lastPart: part, appliedThrough: applied))
        }
        return windows
    }

    private static var unreadable: StoreError {
        StoreError(.unreadable, "the windows of a segment are not a list of windows")
    }

    var value: BSONValue {
        [
            Field.start: .int64(start), Field.lastPart: .int64(lastPart),
            Field.appliedThrough: .int64(appliedThrough),
        ]
    }
}
