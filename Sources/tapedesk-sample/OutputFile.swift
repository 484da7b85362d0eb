import Glibc

/// A file that could not be written.
struct OutputError: Error, CustomStringConvertible {
    let path: String
    let reason: String

    init(path: String, code: Int32) {
        self.path = path
        reason = String(cString: strerror(code))
    }

    var description: String { "cannot write \(path): \(reason)" }
}

/// Closes a file descriptor; a name of its own, because methods called `close` hide the function.
private func closeDescriptor(_ descriptor: Int32) -> Int32 {
    close(descriptor)
}

/// Bytes on their way into a file, collected in one large buffer.
///
/// The bytes go to `PATH.partial`, or to another name that is asked for, and the file takes its final name only in
/// ``publish()``: an interrupted run never leaves a file behind that looks complete.
struct OutputFile: ~Copyable {
    private static let capacity = 1 << 20
    private static let longestLine = 4096

    private let path: String
    private let partialPath: String
    private let descriptor: Int32
    private let start: UnsafeMutablePointer<UInt8>
    private var used = 0

    /// Bytes written so far.
    private var total: Int64 = 0

    init(path: String, partialPath: String? = nil) throws(OutputError) {
        self.path = path
        self.partialPath = partialPath ?? path + ".partial"
        descriptor = open(self.partialPath, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        start = .allocate(capacity: Self.capacity)
        if descriptor < 0 {
            throw OutputError(path: path, code: errno)
        }
    }

    deinit {
        if descriptor >= 0 {
            _ = closeDescriptor(descriptor)
        }
        start.deallocate()
    }

    /// Appends one byte.
    mutating func append(_ byte: UInt8) {
        start[used] = byte
        used &+= 1
    }

    /// Appends bytes known when the program was built.
    mutating func append(_ text: StaticString) {
        (start + used).update(from: text.utf8Start, count: text.utf8CodeUnitCount)
        used &+= text.utf8CodeUnitCount
    }

    /// Appends prepared bytes.
    mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { source in
            guard let base = source.baseAddress else { return }
            (start + used).update(from: base, count: source.count)
        }
        used &+= bytes.count
    }

    /// Appends a number in decimal digits.
    mutating func append(decimal value: UInt64) {
        var digits = 1
        var bound: UInt64 = 10
        while digits < 19, value >= bound {
            digits &+= 1
            bound &*= 10
        }
        append(value, digits: digits)
    }

    /// Appends exactly `digits` decimal digits, with leading zeros.
    mutating func append(_ value: UInt64, digits: Int) {
        var rest = value
        var position = used &+ digits
        while position > used {
            position &-= 1
            let quotient = rest / 10
            start[position] = UInt8(truncatingIfNeeded: rest &- quotient &* 10) &+ UInt8(ascii: "0")
            rest = quotient
        }
        used &+= digits
    }

    /// Appends `mantissa` divided by ten to the power of `decimals`, with all its decimals.
    mutating func append(mantissa: Int64, decimals: Int, scale: UInt64) {
        if mantissa < 0 {
            append(UInt8(ascii: "-"))
        }
        let magnitude = mantissa.magnitude
        append(decimal: magnitude / scale)
        if decimals > 0 {
            append(UInt8(ascii: "."))
            append(magnitude % scale, digits: decimals)
        }
    }

    /// Takes back everything after the first half of the line that began at `lineStart`.
    mutating func cutInHalf(from lineStart: Int) {
        used = lineStart &+ (used &- lineStart) / 2
    }

    /// Where the next byte goes in the buffer; valid until ``endLine()``.
    var position: Int { used }

    /// Ends the line and makes room for the next one.
    mutating func endLine() throws(OutputError) {
        append(UInt8(ascii: "\n"))
        if used > Self.capacity &- Self.longestLine {
            try flush()
        }
    }

    /// Writes what is left, and returns how many bytes the file has.
    mutating func close() throws(OutputError) -> Int64 {
        try flush()
        return total
    }

    /// Gives the closed file its name.
    func publish() throws(OutputError) {
        if rename(partialPath, path) != 0 {
            throw OutputError(path: path, code: errno)
        }
    }

    private mutating func flush() throws(OutputError) {
        var written = 0
        while written < used {
            let count = write(descriptor, start + written, used &- written)
            if count < 0, errno == EINTR {
                continue
            }
            if count <= 0 {
                throw OutputError(path: path, code: errno)
            }
            written &+= count
        }
        total &+= Int64(used)
        used = 0
    }
}
