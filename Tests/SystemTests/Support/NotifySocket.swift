import Foundation
import Synchronization

/// Where a daemon tells how it is doing, as systemd listens: sd_notify(3).
final class NotifySocket: Sendable {
    let path: String
    private let shared: Shared

    private final class Shared: Sendable {
        let messages = Mutex<[String]>([])
        let isClosed = Atomic<Bool>(false)
    }

    private static let messageBytesMax = 4_096
    /// How often the thread looks whether it is still wanted, in milliseconds.
    private static let patience: Int32 = 100

    /// Opens a socket in a folder, whose path has to be short.
    init(in folder: String) throws {
        path = folder + "/notify"
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = Array(path.utf8)
        let fits = withUnsafeMutableBytes(of: &address.sun_path) { target in
            guard name.count < target.count else { return false }
            target.copyBytes(from: name)
            return true
        }
        let isBound = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        let shared = Shared()
        self.shared = shared
        guard descriptor >= 0, fits, isBound else {
            throw HarnessError(description: "no socket at \(path): errno \(errno)")
        }
        Thread.detachNewThread {
            Self.receive(descriptor, shared)
            close(descriptor)
        }
    }

    deinit { shared.isClosed.store(true, ordering: .releasing) }

    /// What came so far; the lines of a message are joined by bars.
    var messages: [String] { shared.messages.withLock { $0 } }

    /// The number that stands behind a name in the last message that has it.
    func number(_ name: String) -> Int? {
        for message in messages.reversed() {
            for line in message.split(separator: "|") where line.hasPrefix(name + "=") {
                return Int(line.dropFirst(name.count + 1))
            }
        }
        return nil
    }

    private static func receive(_ descriptor: Int32, _ shared: Shared) {
        var bytes = [UInt8](repeating: 0, count: messageBytesMax)
        while !shared.isClosed.load(ordering: .acquiring) {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard Foundation.poll(&waiting, 1, patience) > 0 else { continue }
            let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            guard count > 0 else { continue }
            let text = String(decoding: bytes.prefix(count), as: UTF8.self).replacing("\n", with: "|")
            shared.messages.withLock { $0.append(text) }
        }
    }
}
