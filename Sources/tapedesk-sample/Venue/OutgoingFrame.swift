import NIOCore
import NIOWebSocket

/// Builds one frame after the other, ready for the socket, in the same memory.
///
/// A frame of a server has no mask: the same bytes go to every client, and many of them go in one write.
struct OutgoingFrame {
    private static let longestHeader = 10

    /// The finished frame; valid until the next one is built.
    private(set) var bytes = ByteBuffer()

    /// Builds a frame whose content the closure appends.
    @inline(__always)
    mutating func build(_ opcode: WebSocketOpcode = .text, _ write: (inout ByteBuffer) -> Void) {
        bytes.clear()
        // How long the header is shows only when the content is there, so it is written backwards from there.
        bytes.writeRepeatingByte(0, count: Self.longestHeader)
        write(&bytes)
        let count = bytes.readableBytes - Self.longestHeader
        let first = 0x80 | UInt8(webSocketOpcode: opcode)
        if count < 126 {
            bytes.moveReaderIndex(to: Self.longestHeader - 2)
            bytes.setInteger(UInt8(count), at: Self.longestHeader - 1)
        } else if count <= Int(UInt16.max) {
            bytes.moveReaderIndex(to: Self.longestHeader - 4)
            bytes.setInteger(UInt8(126), at: Self.longestHeader - 3)
            bytes.setInteger(UInt16(count), at: Self.longestHeader - 2)
        } else {
            bytes.setInteger(UInt8(127), at: 1)
            bytes.setInteger(UInt64(count), at: 2)
        }
        bytes.setInteger(first, at: bytes.readerIndex)
    }
}
