import Glibc

/// The user that the process runs as.
enum Login {
    /// The login name; nil where the system does not know the user.
    static var name: String? { entry.flatMap { $0.pointee.pw_name }.map { String(cString: $0) } }

    /// The home folder.
    static var home: String? { entry.flatMap { $0.pointee.pw_dir }.map { String(cString: $0) } }

    private static var entry: UnsafeMutablePointer<passwd>? { getpwuid(geteuid()) }
}
