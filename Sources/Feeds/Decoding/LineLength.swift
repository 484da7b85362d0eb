private import Glibc

/// The number of bytes before the first line feed, or all of them.
@inline(__always)
func lineLength(_ start: UnsafeRawPointer, _ count: Int) -> Int {
    guard let end = memchr(start, 0x0A, count) else { return count }
    return UnsafeRawPointer(end) - start
}
