import Foundation

/// Connections to a server on loopback over which nothing is ever said.
public final class HeldConnections: Sendable {
    private let descriptors: [Int32]

    /// Opens so many, as far as the server takes them.
    public init(_ count: Int, to port: UInt16) {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        address.sin_port = port.bigEndian
        descriptors = (0..<count).map { _ in
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    _ = connect(descriptor, address, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            return descriptor
        }
    }

    /// Closes them all; to be called once.
    public func release() {
        for descriptor in descriptors { close(descriptor) }
    }
}
