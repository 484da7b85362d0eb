/// When the clocks of one time zone were and will be set, and to which offset from UTC.
///
/// Read from the system's database, so that a change of law needs an update of the system and none of Tapedesk.
/// Format: RFC 9636 (TZif); the rule for the years behind its table: POSIX.1-2017, 8.3, variable TZ.
public struct TimeZoneRules: Sendable {
    struct Transition: Equatable, Sendable {
        /// Seconds since 1970 UTC.
        let time: Int64
        /// Seconds east of UTC from then on.
        let offset: Int64
    }

    private let first: Int64
    private let table: [Transition]
    private let footer: PosixTimeZone?

    /// Coordinated Universal Time, which needs no database.
    public static let utc = TimeZoneRules(first: 0, table: [], footer: nil)

    private init(first: Int64, table: [Transition], footer: PosixTimeZone?) {
        self.first = first
        self.table = table
        self.footer = footer
    }

    /// Reads the rules of a zone such as `America/New_York`.
    ///
    /// - Throws: `InputError` where the name or the database is not known, or is not what it should be.
    public init(named name: String, database: String = "/usr/share/zoneinfo") throws(InputError) {
        if ["UTC", "Etc/UTC", "Z"].contains(name) {
            self = .utc
            return
        }
        let isPlain = name.utf8.allSatisfy {
            (48...57).contains($0) || (65...90).contains($0 & 0xDF) || [43, 45, 47, 95].contains($0)
        }
        let advice = "give a name such as America/New_York or UTC, and see that the package tzdata is installed"
        guard isPlain, !name.isEmpty, !name.hasPrefix("/") else {
            throw InputError(.unsupported, "there is no time zone '\(printable(name))'; \(advice)")
        }
        let path = database + "/" + name
        guard let file = try? FileSource(path: path) else {
            throw InputError(.unavailable, "the time zone '\(name)' is not in \(database); \(advice)")
        }
        let (bytes, _) = try file.peeking(TZifReader.bytesMax + 1)
        var reader = TZifReader(bytes: bytes)
        guard let rules = reader.read() else {
            throw InputError(.damaged, "\(path): is no time zone file of version 2 or later; install tzdata again")
        }
        self = rules
    }

    fileprivate init?(first: Int64, table: [Transition], rule: [UInt8]) {
        var footer: PosixTimeZone?
        if !rule.isEmpty {
            guard let parsed = PosixTimeZone(parsing: rule) else { return nil }
            footer = parsed
        }
        self.init(first: first, table: table, footer: footer)
    }

    /// The seconds east of UTC at a moment.
    func offset(at time: Int64) -> Int64 {
        if let last = table.last, time < last.time {
            return table.last { $0.time <= time }?.offset ?? first
        }
        guard let footer else { return table.last?.offset ?? first }
        return footer.transitions(around: time).last { $0.time <= time }?.offset ?? footer.standard
    }

    /// The changes within a time of a few days, in order.
    ///
    /// Some may change nothing.
    func transitions(after start: Int64, through end: Int64) -> [Transition] {
        let range = (start + 1)...end
        let listed = table.filter { range.contains($0.time) }
        guard let footer else { return listed }
        let lastListed = table.last?.time ?? .min
        let ruled = footer.transitions(around: start).filter { $0.time > lastListed && range.contains($0.time) }
        return listed + ruled
    }
}

/// Reads a TZif file of version 2 or later, every count checked against the file.
private struct TZifReader {
    /// The largest files of the database are some kilobytes.
    static let bytesMax = 256 * 1024

    let bytes: [UInt8]
    private var index = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private struct Header {
        var isUTCCount = 0
        var isStandardCount = 0
        var leapCount = 0
        var timeCount = 0
        var typeCount = 0
        var characterCount = 0

        func byteCount(timeSize: Int) -> Int {
            timeCount * (timeSize + 1) + typeCount * 6 + characterCount + leapCount * (timeSize + 4)
                + isStandardCount + isUTCCount
        }
    }

    mutating func read() -> TimeZoneRules? {
        guard bytes.count <= Self.bytesMax, let narrow = header() else { return nil }
        // The first block repeats, with 32-bit times, what the second has.
        index += narrow.byteCount(timeSize: 4)
        guard let wide = header(), wide.typeCount > 0, wide.byteCount(timeSize: 8) <= bytes.count - index else {
            return nil
        }
        let start = index
        index += wide.byteCount(timeSize: 8)
        guard let rule = footer() else { return nil }
        let typesStart = start + wide.timeCount * 9
        let offsets = (0..<wide.typeCount).map { Int64(Int32(truncatingIfNeeded: integer(typesStart + $0 * 6, 4))) }
        guard offsets.allSatisfy({ abs($0) < 26 * 3_600 }) else { return nil }
        var table: [TimeZoneRules.Transition] = []
        for place in 0..<wide.timeCount {
            let type = Int(bytes[start + wide.timeCount * 8 + place])
            let time = integer(start + place * 8, 8)
            guard type < offsets.count, time > table.last?.time ?? .min else { return nil }
            table.append(TimeZoneRules.Transition(time: time, offset: offsets[type]))
        }
        return TimeZoneRules(first: offsets[0], table: table, rule: rule)
    }

    private mutating func header() -> Header? {
        guard index <= bytes.count - 44, bytes[index...].starts(with: Array("TZif".utf8)),
            bytes[index + 4] >= UInt8(ascii: "2")
        else { return nil }
        let counts = (0..<6).map { Int(integer(index + 20 + $0 * 4, 4)) }
        guard counts.allSatisfy({ (0...Self.bytesMax).contains($0) }) else { return nil }
        index += 44
        return Header(
            isUTCCount: counts[0],
            isStandardCount: counts[1],
            leapCount: counts[2],
            timeCount: counts[3],
            typeCount: counts[4],
            characterCount: counts[5]
        )
    }

    private func footer() -> [UInt8]? {
        guard index < bytes.count, bytes[index] == UInt8(ascii: "\n"), bytes.last == UInt8(ascii: "\n"),
            index < bytes.count - 1
        else { return nil }
        return Array(bytes[(index + 1)..<(bytes.count - 1)])
    }

    /// A big-endian integer whose bytes are there.
    private func integer(_ start: Int, _ count: Int) -> Int64 {
        var value: UInt64 = 0
        for byte in bytes[start..<(start + count)] { value = value << 8 | UInt64(byte) }
        return Int64(bitPattern: value)
    }
}
