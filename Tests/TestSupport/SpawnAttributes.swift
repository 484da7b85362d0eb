public import Foundation

/// Attributes for `posix_spawn` that give a child the signals as they are by default.
///
/// A thread of the test may block or ignore signals, and children inherit that: some would wait for ever.
public final class SpawnAttributes {
    /// What `posix_spawn` takes.
    public var value = posix_spawnattr_t()

    public init() {
        posix_spawnattr_init(&value)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&value, &none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&value, &all)
        posix_spawnattr_setflags(&value, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    }

    deinit {
        posix_spawnattr_destroy(&value)
    }
}
