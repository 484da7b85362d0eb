/// What a run of the compaction job came to.
public struct CompactionReport: Equatable, Sendable {
    /// A document that could not be read, and was left as it is.
    public struct Finding: Equatable, Sendable {
        public let bucket: String
        public let problem: String
    }

    /// Buckets that were sealed.
    public var sealed = 0
    /// Documents that went into segments.
    public var rolledUp = 0
    /// Segments that were made.
    public var segments = 0
    /// Documents whose events were deleted by a rule of retention, and how many these were.
    public var deleted = 0
    public var deletedEvents = 0
    /// Why the archive could not take what was to be deleted; nothing was deleted after that.
    public var archiveError: ArchiveError?
    /// Hours whose bars were made final.
    public var finalizedHours = 0
    /// Events that were sealed.
    public var events = 0
    /// Bytes of all blocks of the instruments that were looked at, before and after.
    public var bytesBefore: Int64 = 0
    public var bytesAfter: Int64 = 0
    /// Steps that others were faster at, or whose documents changed meanwhile.
    public var overtaken = 0
    /// Instruments that a newer program writes to; they are left to that one.
    public var leftCount = 0
    /// The first of them, up to `findingsMax`, with what was found.
    public var left: [Finding] = []
    /// The first findings, up to `findingsMax`; all are counted.
    public var findings: [Finding] = []
    public var findingCount = 0

    public static let findingsMax = 100

    public init() {}

    /// Adds what another part of the run came to.
    mutating func add(_ other: CompactionReport) {
        sealed += other.sealed
        rolledUp += other.rolledUp
        segments += other.segments
        deleted += other.deleted
        deletedEvents += other.deletedEvents
        archiveError = archiveError ?? other.archiveError
        finalizedHours += other.finalizedHours
        events += other.events
        bytesBefore += other.bytesBefore
        bytesAfter += other.bytesAfter
        overtaken += other.overtaken
        leftCount += other.leftCount
        left += other.left.prefix(Self.findingsMax - left.count)
        findingCount += other.findingCount
        findings += other.findings.prefix(Self.findingsMax - findings.count)
    }

    mutating func leave(_ instrument: String, _ reason: String) {
        leftCount += 1
        if left.count < Self.findingsMax { left.append(Finding(bucket: instrument, problem: reason)) }
    }

    mutating func add(_ bucket: String, _ problem: String) {
        findingCount += 1
        if findings.count < Self.findingsMax { findings.append(Finding(bucket: bucket, problem: problem)) }
    }
}

/// A step of a plan, for people who want to know before it is done.
public struct PlannedStep: Equatable, Sendable {
    public enum Action: String, Sendable {
        case seal
        /// What is not sealed yet is sealed on the way.
        case rollUp = "roll_up"
        case removeReplaced = "remove_replaced"
        case delete
        case finalizeCandles = "finalize_candles"
    }

    public let action: Action
    public let instrument: String
    /// The documents that the step is about.
    public let buckets: [String]
    public let events: Int
    /// Bytes of their blocks, as they are.
    public let bytes: Int64
    /// The rule of retention, where events are deleted by one.
    public let rule: String?
}
