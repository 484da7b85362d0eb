import Feeds

/// What a folder holds of a live tape when it is opened.
struct FoundTape {
    var segments: [Segment] = []
    /// The header that they have; nil where there is none.
    private(set) var header: TapeHeader?
    /// Up to where the last segment has whole records; zero where it has not even a header, or there is none.
    private(set) var wholeBytes: Int64 = 0
    /// How much is behind them.
    private(set) var tornBytes: Int64 = 0
    /// Where the whole records end.
    private(set) var end = TapeMark()

    /// Looks through a folder, and reads its last segment.
    ///
    /// Blocks.
    ///
    /// - Throws: `LiveTapeError` where the segments are not of the source, or one is missing.
    init(_ folder: SegmentFolder, _ wanted: TapeHeader) throws(LiveTapeError) {
        segments = try folder.segments()
        guard let last = segments.last else { return }
        for (segment, next) in zip(segments, segments.dropFirst()) {
            guard try segment.start.offset + folder.byteCount(of: segment) == next.start.offset else {
                throw LiveTapeError(
                    .damaged,
                    "\(folder.path): between \(segment.name) and \(next.name) something is missing; bring it back, or "
                        + "move the folder away: what is on it and not in MongoDB can be replayed from there"
                )
            }
        }
        end = last.start
        let survey: TapeSurvey?
        do throws(InputError) {
            survey = try TapeSurvey(path: folder.path(of: last))
        } catch {
            throw LiveTapeError(.damaged, error.message)
        }
        guard let survey else {
            tornBytes = try folder.byteCount(of: last)
            header = try segments.dropLast().last.flatMap { before throws(LiveTapeError) in
                try Self.header(folder, before)
            }
            try check(folder, wanted)
            return
        }
        header = survey.header
        wholeBytes = survey.wholeBytes
        tornBytes = survey.byteCount - survey.wholeBytes
        end = TapeMark(line: last.start.line + survey.lineCount, offset: last.start.offset + survey.wholeBytes)
        try check(folder, wanted)
    }

    private static func header(_ folder: SegmentFolder, _ segment: Segment) throws(LiveTapeError) -> TapeHeader? {
        do throws(InputError) {
            return try TapeSurvey(path: folder.path(of: segment))?.header
        } catch {
            throw LiveTapeError(.damaged, error.message)
        }
    }

    private func check(_ folder: SegmentFolder, _ wanted: TapeHeader) throws(LiveTapeError) {
        guard let header else { return }
        guard header.source == wanted.source, header.venue == wanted.venue, header.dialect == wanted.dialect else {
            throw LiveTapeError(
                .damaged,
                "\(folder.path): holds the tape of source '\(header.source)' of \(header.venue); give this source a "
                    + "folder of its own"
            )
        }
    }
}
