import Foundation
import Synchronization

/// A server on loopback that passes everything on to another port, until it is told to cut, or to keep silent.
///
/// A thread for each direction of a connection. Safe to use from any thread.
public final class TCPProxy: Sendable {
    /// Where it listens.
    public let port: UInt16
    private let listener: Int32
    private let target: UInt16
    private let state = Mutex(State())

    private struct State {
        var descriptors: Set<Int32> = []
        var isSilent = false
        var isStopped = false
    }

    /// Listens on a free port, and passes on to `target`.
    public init(target: UInt16) throws {
        self.target = target
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = Self.loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(listener, pointer, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, pointer, &length) == 0
            }
        }
        guard isListening else {
            close(listener)
            throw POSIXError(.EADDRNOTAVAIL)
        }
        port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread { [self] in accept() }
    }

    /// Cuts all connections; new ones are taken.
    public func cut() {
        for descriptor in state.withLock({ $0.descriptors }) { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }

    /// Passes nothing on, or goes on: connections stand meanwhile, and nobody is told.
    public func keepSilent(_ isSilent: Bool) { state.withLock { $0.isSilent = isSilent } }

    /// Cuts all connections and takes no more.
    public func stop() {
        state.withLock { $0.isStopped = true }
        shutdown(listener, Int32(SHUT_RDWR))
        cut()
    }

    private func accept() {
        while true {
            let inbound = Foundation.accept(listener, nil, nil)
            guard inbound >= 0, !state.withLock({ $0.isStopped }) else {
                if inbound >= 0 { close(inbound) }
                close(listener)
                return
            }
            Thread.detachNewThread { [self] in serve(inbound) }
        }
    }

    private func serve(_ inbound: Int32) {
        let outbound = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = Self.loopback(target)
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                connect(outbound, pointer, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else {
            close(inbound)
            close(outbound)
            return
        }
        state.withLock { $0.descriptors.formUnion([inbound, outbound]) }
        let back = DispatchSemaphore(value: 0)
        Thread.detachNewThread { [self] in
            pass(from: outbound, to: inbound)
            back.signal()
        }
        pass(from: inbound, to: outbound)
        back.wait()
        state.withLock { $0.descriptors.subtract([inbound, outbound]) }
        close(inbound)
        close(outbound)
    }

    /// Copies until one side ends, and ends the other one then.
    private func pass(from source: Int32, to sink: Int32) {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(source, &bytes, bytes.count)
            guard count > 0 else { break }
            while state.withLock({ $0.isSilent && !$0.isStopped }) { usleep(20_000) }
            var sent = 0
            while sent < count {
                let more = send(sink, Array(bytes[sent..<count]), count - sent, Int32(MSG_NOSIGNAL))
                guard more > 0 else { break }
                sent += more
            }
            guard sent == count else { break }
        }
        shutdown(source, Int32(SHUT_RDWR))
        shutdown(sink, Int32(SHUT_RDWR))
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr = in_addr(s_addr: UInt32(0x7F00_0001).bigEndian)
        return address
    }
}
