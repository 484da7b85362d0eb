/// A source whose first bytes were already read, to look at them, and are given out again.
class PrefixedSource: ByteSource {
    private let source: any ByteSource
    private var prefix: [UInt8]
    private var offset: Int64 = 0

    /// Puts `prefix`, the first bytes of `source` and all that was read of it, in front of the rest.
    init(prefix: [UInt8], source: any ByteSource) {
        self.prefix = prefix
        self.source = source
    }

    final func read(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
        guard offset < prefix.count else {
            let count = try source.read(into: target)
            offset += Int64(count)
            return count
        }
        let rest = prefix[Int(offset)...].prefix(target.count)
        target.copyBytes(from: rest)
        offset += Int64(rest.count)
        // The prefix is not needed again, and a replay may last for days.
        if offset == prefix.count { prefix = [] }
        return rest.count
    }

    final func skip(to offset: Int64) throws(InputError) {
        if offset <= prefix.count, offset >= self.offset {
            self.offset = offset
            return
        }
        if self.offset < prefix.count { prefix = [] }
        try source.skip(to: offset)
        self.offset = offset
    }
}

/// The same in front of a source that gives what is there at the moment.
final class IncrementalPrefixedSource: PrefixedSource, IncrementalSource {}

extension ByteSource {
    /// Reads up to `count` bytes from the front, fewer only where the source ends.
    ///
    /// Afterwards the source is to be used through what this returns. A failure behind the first bytes is kept
    /// for whoever reads on.
    func peeking(_ count: Int) throws(InputError) -> (head: [UInt8], source: any ByteSource) {
        var head = [UInt8](repeating: 0, count: count)
        var filled = 0
        var failure: InputError?
        while filled < count {
            do throws(InputError) {
                let (rest, start) = (count - filled, filled)
                let result = head.withUnsafeMutableBytes { bytes in
                    self.outcome(of: UnsafeMutableRawBufferPointer(rebasing: bytes[start..<(start + rest)]))
                }
                let read = try result.get()
                if read == 0 { break }
                filled += read
            } catch {
                guard filled > 0 else { throw error }
                failure = error
                break
            }
        }
        head.removeLast(count - filled)
        let rest: any ByteSource = failure.map { FailedSource($0) } ?? self
        let isIncremental = self is any IncrementalSource
        let source =
            isIncremental
            ? IncrementalPrefixedSource(prefix: head, source: rest) : PrefixedSource(prefix: head, source: rest)
        return (head, source)
    }

    private func outcome(of target: UnsafeMutableRawBufferPointer) -> Result<Int, InputError> {
        do throws(InputError) { return .success(try read(into: target)) } catch { return .failure(error) }
    }
}

/// A source that failed already.
private final class FailedSource: ByteSource {
    private let error: InputError

    init(_ error: InputError) {
        self.error = error
    }

    func read(into target: UnsafeMutableRawBufferPointer) throws(InputError) -> Int { throw error }

    func skip(to offset: Int64) throws(InputError) { throw error }
}
