import Foundation
import Synchronization

/// Ports of the loopback interface for servers of tests.
///
/// The system's own choice would not do for a server that is killed and comes back at its port: it may give that to any
/// connection meanwhile. These are below its range, and none is given out twice by a process.
public enum FreePort {
    private static let range: Range<UInt16> = 20_000..<32_000
    private static let next = Mutex(UInt16.random(in: range))

    /// A port that nothing listens on now.
    ///
    /// - Throws: `LocalMongoError` where there is none.
    public static func take() throws -> UInt16 {
        try next.withLock { next in
            for _ in range {
                let port = next
                next = port + 1 < range.upperBound ? port + 1 : range.lowerBound
                if try isFree(port) { return port }
            }
            throw LocalMongoError(description: "no port from \(range) is free")
        }
    }

    private static func isFree(_ port: UInt16) throws -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw LocalMongoError(description: "no socket: errno \(errno)") }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
