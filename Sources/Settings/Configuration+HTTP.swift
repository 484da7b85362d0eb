extension Configuration {
    /// Where the daemon answers HTTP.
    package struct HTTP: Equatable, Sendable {
        /// What somebody with a token may do; each role may do what the one before may.
        package enum Role: String, CaseIterable, Comparable, Sendable {
            /// Look: metrics, status, alerts.
            case read
            /// Hand in data.
            case ingest
            /// Everything.
            case admin

            package static func < (one: Role, other: Role) -> Bool { one.rank < other.rank }

            private var rank: Int {
                switch self {
                case .read: 0
                case .ingest: 1
                case .admin: 2
                }
            }
        }

        /// Somebody who may do something.
        package struct Token: Equatable, Sendable {
            /// Who it is; tickets that are handed in with it are filed under this name.
            package var name: String
            package var role: Role
            /// The SHA-256 of the token, in 64 hexadecimal digits: the token itself is not at rest here.
            package var sha256: String

            /// Takes all as it is.
            package init(name: String, role: Role, sha256: String) {
                self.name = name
                self.role = role
                self.sha256 = sha256
            }
        }

        /// The address: a name or an address of this machine; nil where HTTP is not answered.
        package var host: String? = "127.0.0.1"
        /// The port; zero takes any that is free.
        package var port = 9_464
        /// The files of the certificate chain and its key, PEM; both or none.
        package var certificate: String?
        package var key: String?
        package var tokens: [Token] = []

        /// Loopback, no TLS, no tokens.
        package init() {}

        /// Whether only this machine reaches the address.
        package var isLoopback: Bool {
            guard let host else { return true }
            return host == "localhost" || host == "::1" || host.hasPrefix("127.")
        }
    }
}
