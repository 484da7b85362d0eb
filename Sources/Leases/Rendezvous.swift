import Digests

/// Rendezvous hashing: which of several instances a source belongs to.
///
/// Every instance comes to the same answer by itself, and an instance that comes or goes moves only its own part of the
/// sources. Source: D. Thaler, C. Ravishankar, "Using name-based mappings to increase hit rates", 1998.
package enum Rendezvous {
    /// The instance with the greatest weight for the source; nil where there are none.
    package static func owner(of source: String, among instances: some Collection<String>) -> String? {
        instances.max { (weight($0, source), $0) < (weight($1, source), $1) }
    }

    private static func weight(_ instance: String, _ source: String) -> UInt64 {
        // A zero byte is in no name, so different pairs are different texts.
        SHA256.digest(Array((instance + "\0" + source).utf8)).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
