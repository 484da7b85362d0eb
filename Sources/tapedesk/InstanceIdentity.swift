import Feeds
import Glibc
import Leases
import Service

/// What tells this daemon from another one that was given the same name: a file in the folder of its state.
///
/// As long as it exists, no other process has the folder.
final class InstanceIdentity: Sendable {
    /// Thirty-two hexadecimal digits, the same at every start.
    let text: String
    private let descriptor: Int32

    /// Reads the file, or makes it, and takes it.
    ///
    /// - Parameters:
    ///   - folder: the state of the daemon.
    ///   - random: bits for a file that is made.
    /// - Throws: `ConfigurationProblem`.
    init(in folder: String, random: (UInt64, UInt64)) throws {
        let path = folder + "/instance"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw Self.problem(path, "cannot be opened: \(InputError.reason(errno: errno))") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw Self.problem(path, "another daemon works in this folder; give this one another 'service.state'")
        }
        var bytes = [UInt8](repeating: 0, count: Self.length)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        if count == bytes.count, bytes.allSatisfy(Self.isDigit) {
            text = String(decoding: bytes, as: UTF8.self)
            return
        }
        // Nothing, or a write that was cut off: nobody has learned of that identity.
        let digits = [random.0, random.1].map { String($0 | 1 << 63, radix: 16) }.joined()
        guard ftruncate(descriptor, 0) == 0, pwrite(descriptor, digits, Self.length, 0) == Self.length,
            fsync(descriptor) == 0
        else {
            close(descriptor)
            throw Self.problem(path, "cannot be written: \(InputError.reason(errno: errno))")
        }
        text = digits
    }

    deinit { close(descriptor) }

    private static let length = 32

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    private static func problem(_ path: String, _ reason: String) -> ConfigurationProblem {
        ConfigurationProblem("\(path): \(reason)")
    }
}
