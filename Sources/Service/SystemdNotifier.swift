private import Glibc

/// Tells systemd how the daemon is doing, as sd_notify(3) describes; does nothing where nobody listens.
///
/// Used by one task at a time.
package struct SystemdNotifier: Sendable {
    private let path: String?
    /// How often systemd wants to hear that progress is made; nil where it does not.
    package let watchdogInterval: Duration?

    /// Reads where systemd listens: `NOTIFY_SOCKET`, and `WATCHDOG_USEC` where `WATCHDOG_PID` is this process.
    package init(environment: (String) -> String?) {
        path = environment("NOTIFY_SOCKET").flatMap { $0.hasPrefix("/") || $0.hasPrefix("@") ? $0 : nil }
        let isMeant = environment("WATCHDOG_PID").map { Int32($0) == getpid() } ?? true
        watchdogInterval =
            isMeant ? environment("WATCHDOG_USEC").flatMap(Int64.init).map { .microseconds($0) / 2 } : nil
    }

    /// All sources are started, or another configuration was taken over.
    package func ready() { send("READY=1") }
    /// Another configuration is being taken over.
    ///
    /// - Parameter time: monotonic, since the system was started.
    package func reloading(at time: Duration) {
        send("RELOADING=1\nMONOTONIC_USEC=\(Int64(time / .microseconds(1)))")
    }
    /// Starting takes longer, and is not stuck.
    package func extendTimeout(by time: Duration) { send("EXTEND_TIMEOUT_USEC=\(Int64(time / .microseconds(1)))") }
    package func stopping() { send("STOPPING=1") }
    package func watchdog() { send("WATCHDOG=1") }

    /// One line for `systemctl status`.
    package func status(_ line: String) {
        send("STATUS=" + String(line.map { $0.isNewline ? " " : $0 }))
    }

    private func send(_ message: String) {
        if let path { _ = UnixDatagram.send(Array(message.utf8), to: path, waits: true) }
    }
}

/// One message to a socket of this machine.
package enum UnixDatagram {
    /// Sends a message; answers whether it was taken.
    ///
    /// - Parameters:
    ///   - path: where somebody listens; a name that begins with @ is in no file system.
    ///   - waits: whether to wait where the receiver is behind.
    package static func send(_ bytes: [UInt8], to path: String, waits: Bool) -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(path.utf8)
        // A name that begins with @ is in no file system: its first byte is zero.
        if name.first == UInt8(ascii: "@") { name[0] = 0 }
        let isThere = withUnsafeMutableBytes(of: &address.sun_path) { target in
            guard name.count < target.count else { return false }
            target.copyBytes(from: name)
            return true
        }
        guard isThere else { return false }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        let flags = Int32(MSG_NOSIGNAL) | (waits ? 0 : Int32(MSG_DONTWAIT))
        return withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                sendto(descriptor, bytes, bytes.count, flags, pointer, length) == bytes.count
            }
        }
    }
}
