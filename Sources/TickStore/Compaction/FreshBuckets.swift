import MarketData
private import Synchronization

/// What a run of compaction has just made of documents of one instrument, for the steps behind, which would have to
/// read them again.
///
/// An entry holds for as long as the document has the version and the checksum that it names: whoever takes one asks
/// the store for them, or makes a change that depends on the version. What is not here is read. Safe to use from any
/// task.
package final class FreshBuckets: Sendable {
    private let bytesMax: Int
    private let state = Mutex(State())

    private struct State {
        var entries: [String: Entry] = [:]
        var bytes = 0

        func entry(of outline: BucketOutline) -> Entry? {
            guard let entry = entries[outline.id], entry.version == outline.state.version,
                entry.checksum == outline.state.checksum
            else { return nil }
            return entry
        }

        mutating func remove(_ id: String) {
            guard let entry = entries.removeValue(forKey: id) else { return }
            bytes -= entry.blocks?.byteCount ?? 0
            for bars in entry.bars.values { bytes -= bars.bytes }
        }
    }

    private struct Entry {
        let version: Int64
        /// That of what is stored: a version that a failover took back may be given again.
        let checksum: UInt32
        let blocks: [StoredBlock]?
        /// By the start of their hour.
        var bars: [Int64: [TradeBar]] = [:]
        /// Whether the bars are those of all of its trades.
        var hasAllBars = true
    }

    /// So many bars are taken at most.
    var barsMax: Int { bytesMax / MemoryLayout<TradeBar>.stride }

    /// - Parameter bytesMax: how much is kept at most. What comes first is kept: the steps behind take it first, too.
    init(bytesMax: Int) {
        self.bytesMax = bytesMax
    }

    /// Keeps what a document comes to when it is sealed.
    ///
    /// - Parameters:
    ///   - checksum: that of the blocks that are stored, sealed or not.
    ///   - blocks: its sealed blocks; nil where nobody will ask for them.
    ///   - bars: the bars of seconds that its trades make, in order; none where they are not known.
    func add(_ id: String, version: Int64, checksum: UInt32, blocks: [StoredBlock]?, bars: [TradeBar]) {
        let hours = Dictionary(grouping: bars) { CandleInterval.hour.start(of: $0.start) }
        state.withLock { state in
            state.remove(id)
            let bytes = blocks?.byteCount ?? 0
            guard state.bytes + bytes <= bytesMax else { return }
            state.bytes += bytes
            var entry = Entry(version: version, checksum: checksum, blocks: blocks)
            for (hour, bars) in hours.sorted(by: { $0.key < $1.key }) where state.bytes + bars.bytes <= bytesMax {
                state.bytes += bars.bytes
                entry.bars[hour] = bars
            }
            entry.hasAllBars = entry.bars.count == hours.count
            state.entries[id] = entry
        }
    }

    /// The sealed blocks of a document, if they are known of the version that the outline has.
    func blocks(of outline: BucketOutline) -> [StoredBlock]? {
        state.withLock { state in
            state.entry(of: outline)?.blocks
        }
    }

    /// The bars of all trades of a document, if they are known of the version that the outline has; none otherwise.
    func bars(of outline: BucketOutline) -> [TradeBar] {
        state.withLock { state in
            guard let entry = state.entry(of: outline), entry.hasAllBars else { return [] }
            return entry.bars.sorted { $0.key < $1.key }.flatMap(\.value)
        }
    }

    /// Takes the bars of seconds that the trades of documents make in an hour, if they are known of all of them.
    ///
    /// The documents are all that hold trades of the hour, in their order.
    func takeBars(of documents: [TradeWindow.Document], hour: Int64) -> [TradeBar]? {
        state.withLock { state -> [TradeBar]? in
            var bars: [TradeBar] = []
            for document in documents {
                guard let entry = state.entries[document.id], entry.version == document.version,
                    Int64(entry.checksum) == document.checksum, let known = entry.bars[hour]
                else { return nil }
                bars += known
            }
            for document in documents {
                state.bytes -= state.entries[document.id]?.bars.removeValue(forKey: hour)?.bytes ?? 0
                state.entries[document.id]?.hasAllBars = false
            }
            // A later part has later positions, so its trades come behind those of the same time.
            return documents.count == 1 ? bars : TradeBar.merged(bars, to: .second)
        }
    }

    /// Forgets documents that are gone.
    func forget(_ outlines: [BucketOutline]) {
        state.withLock { state in
            for outline in outlines { state.remove(outline.id) }
        }
    }
}

extension [TradeBar] {
    fileprivate var bytes: Int { count * MemoryLayout<TradeBar>.stride }
}
