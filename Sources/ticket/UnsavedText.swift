import Console
import Glibc
import Synchronization

/// What an agent typed, in a file, until it is stored.
///
/// The file is written before anything else is tried: a command that fails names it, and one that is killed has left it
/// behind. Safe to use from any task.
final class UnsavedText: Sendable {
    private let file = Mutex<UnsavedFile?>(nil)
    private let isNamed = Mutex(false)

    /// Where the text is; nil where there is none.
    var path: String? { file.withLock { $0?.path } }

    /// Keeps the text, in place of what was kept before.
    ///
    /// - Parameter name: the first part of the file's name, such as `comment-1042`.
    func keep(_ bytes: [UInt8], name: String) {
        discard()
        file.withLock { $0 = UnsavedFile.write(bytes, name: name) }
    }

    /// Removes the file: the text is stored, or was given up.
    func discard() {
        file.withLock { file in
            if let path = file?.path { unlink(path) }
            file = nil
        }
    }

    /// Notes that a message has named the file.
    func markNamed() { isNamed.withLock { $0 = true } }

    /// Says where the text is, if no message has.
    func report() {
        guard !isNamed.withLock({ $0 }) else { return }
        switch file.withLock({ $0 }) {
        case nil: return
        case .kept(let path): Terminal.error("\(Terminal.program): your text is in \(path)")
        case .lost(let cause): Terminal.error("\(Terminal.program): your text could not be kept in a file: \(cause)")
        }
    }
}

/// A file with a text that is not stored yet.
private enum UnsavedFile {
    case kept(path: String)
    /// No folder took it.
    case lost(cause: String)

    var path: String? {
        if case .kept(let path) = self { path } else { nil }
    }

    /// Writes a file that only its owner can read.
    static func write(_ bytes: [UInt8], name: String) -> UnsavedFile {
        var cause = "there is no folder for it"
        UnsavedFolder.makeOwn()
        for folder in UnsavedFolder.candidates {
            for attempt in 0..<100 {
                let suffix = attempt == 0 ? "" : "-\(attempt)"
                let path = "\(folder)/\(safe(name))-\(timestamp())-\(getpid())\(suffix).txt"
                let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
                if descriptor < 0, errno == EEXIST { continue }
                guard descriptor >= 0 else {
                    cause = "\(folder): \(Terminal.systemMessage(errno))"
                    break
                }
                if let failure = SmallFileOutput.write(bytes, to: descriptor) {
                    cause = "\(folder): \(failure)"
                    unlink(path)
                    break
                }
                return .kept(path: path)
            }
        }
        return .lost(cause: cause)
    }

    private static func safe(_ name: String) -> String {
        let bytes = name.utf8.prefix(60).map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                byte
            default: UInt8(ascii: "_")
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The time now as `20260131T235959Z`.
    private static func timestamp() -> String {
        var now = time(nil)
        var parts = tm()
        gmtime_r(&now, &parts)
        let two = { (number: Int32) in (number < 10 ? "0" : "") + String(number) }
        return "\(parts.tm_year + 1_900)\(two(parts.tm_mon + 1))\(two(parts.tm_mday))T"
            + "\(two(parts.tm_hour))\(two(parts.tm_min))\(two(parts.tm_sec))Z"
    }
}

/// Where texts that are not stored yet are kept.
private enum UnsavedFolder {
    /// The folders to try, in this order.
    static var candidates: [String] {
        [own, Terminal.environment("TMPDIR"), "/tmp"].compactMap { $0 }
    }

    /// The folder for such texts alone.
    private static var own: String? {
        if let state = Terminal.environment("XDG_STATE_HOME"), state.hasPrefix("/") {
            return state + "/tapedesk/unsaved"
        }
        return (Terminal.environment("HOME") ?? Login.home).map { $0 + "/.local/state/tapedesk/unsaved" }
    }

    /// Makes the folder for such texts and those above it, for its owner alone, where they are not there.
    static func makeOwn() {
        var path = ""
        for part in own?.split(separator: "/") ?? [] {
            path += "/" + part
            // Whatever hinders this hinders writing into the folder, too, and is reported then.
            mkdir(path, 0o700)
        }
    }
}

/// Writes whole files of modest size.
enum SmallFileOutput {
    /// Writes all bytes and closes the descriptor; returns what went wrong.
    static func write(_ bytes: [UInt8], to descriptor: Int32) -> String? {
        let failure = bytes.withUnsafeBytes { buffer -> String? in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return Terminal.systemMessage(errno) }
                rest = rest.dropFirst(count)
            }
            return nil
        }
        let isClosed = close(descriptor) == 0
        return failure ?? (isClosed ? nil : Terminal.systemMessage(errno))
    }
}
