import BSON
import DocumentStore
import MarketData

/// Where the documents of one instrument stand among each other: which parts of which windows they hold, and whether
/// all are there.
struct LanePlaces {
    /// What the neighbours of a document say about it.
    struct Place {
        /// The tape position that the part before ends at, where there is one in the same window.
        var appliedBefore: Int64?
        var problems: [String] = []
    }

    private var places: [String: Place] = [:]

    func place(of id: String) -> Place { places[id] ?? Place() }

    /// - Parameter documents: all documents of the instrument, as far as an outline needs them; what cannot be read is
    ///   left out. Where a newer program wrote one of them, nothing is said of the others: it may have taken the place
    ///   of what is not there.
    init(_ documents: [BSONDocument]) {
        var outlines: [BucketOutline] = []
        for document in documents {
            do throws(StoreError) {
                outlines.append(try BucketOutline(document))
            } catch {
                if error.code == .newerSchema { return }
            }
        }
        let lanes = Dictionary(grouping: outlines.filter { $0.replacedBy == nil }) { outline in
            Lane(source: outline.source, kind: outline.kind.name)
        }
        for lane in lanes.values { addLane(lane) }
        for outline in outlines where outline.replacedBy != nil {
            // It is not read any more; what took its place must be there.
            let isThere = outlines.contains { $0.id == outline.replacedBy }
            if !isThere { places[outline.id, default: Place()].problems.append("the segment in its place is missing") }
        }
    }

    private struct Lane: Hashable {
        let source: String
        let kind: String
    }

    /// One part of one window, and the document that holds it.
    private struct Part {
        let window: Int64
        let part: Int64
        let outline: BucketOutline

        /// Whether the part takes no more, as far as the document says.
        var isClosed: Bool { outline.isSegment || outline.state.isClosed }

        /// The position that the part ends at, where the document says so.
        var appliedThrough: Int64? {
            outline.coveredWindows.first { $0.start == window && $0.lastPart == part }?.appliedThrough
        }
    }

    private mutating func addLane(_ outlines: [BucketOutline]) {
        var parts: [Part] = []
        for outline in outlines {
            guard outline.isSegment else {
                parts.append(Part(window: outline.windowStart, part: outline.state.part, outline: outline))
                continue
            }
            let starts = outline.windows.map(\.start).sorted()
            for slot in outline.slots {
                guard let window = starts.last(where: { $0 <= slot }) else { continue }
                parts.append(Part(window: window, part: slot - window, outline: outline))
            }
        }
        parts.sort { ($0.window, $0.part, $0.outline.id) < ($1.window, $1.part, $1.outline.id) }
        var previous: Part?
        for part in parts {
            compare(part, with: previous?.window == part.window ? previous : nil)
            previous = part
        }
    }

    private mutating func compare(_ part: Part, with previous: Part?) {
        var place = places[part.outline.id] ?? Place()
        if let previous {
            if part.part == previous.part {
                place.problems.append("part \(part.part) of the window is in another document, too")
            } else if part.part != previous.part + 1 {
                place.problems.append("part \(previous.part + 1) of the window is missing")
            }
            if !previous.isClosed { place.problems.append("the part before was not closed") }
            if !part.outline.isSegment { place.appliedBefore = previous.appliedThrough }
        } else if part.part != 0 {
            place.problems.append("the first parts of the window are missing")
        }
        places[part.outline.id] = place
    }
}
