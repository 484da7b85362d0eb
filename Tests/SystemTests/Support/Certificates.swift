import Foundation

/// Certificates of a test's own authority, made by `openssl` in a folder.
struct Certificates: Sendable {
    let folder: String
    var authority: String { folder + "/ca.pem" }

    /// Makes the authority.
    init(in folder: String) async throws {
        self.folder = folder
        try await openssl(
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            folder + "/ca.key",
            "-out",
            folder + "/ca.pem",
            "-subj",
            "/CN=tapedesk test authority",
            "-days",
            "2"
        )
    }

    /// Makes a certificate, and returns the file with it and its key.
    ///
    /// - Parameter subject: as "/O=tapedesk/OU=clients/CN=daemon".
    func make(_ name: String, subject: String) async throws -> String {
        let base = folder + "/" + name
        try "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n"
            .write(toFile: base + ".ext", atomically: false, encoding: .utf8)
        try await openssl(
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            base + ".key",
            "-out",
            base + ".csr",
            "-subj",
            subject
        )
        try await openssl(
            "x509",
            "-req",
            "-in",
            base + ".csr",
            "-CA",
            authority,
            "-CAkey",
            folder + "/ca.key",
            "-CAcreateserial",
            "-out",
            base + ".crt",
            "-days",
            "2",
            "-extfile",
            base + ".ext"
        )
        let parts = try [".key", ".crt"].map { try String(contentsOfFile: base + $0, encoding: .utf8) }
        try parts.joined().write(toFile: base + ".pem", atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: base + ".pem")
        return base + ".pem"
    }

    private func openssl(_ words: String...) async throws {
        let ending = try await ChildProcess(["openssl"] + words, folder: folder).wait()
        guard ending.code == 0 else { throw HarnessError(description: "openssl: \(ending.error)") }
    }
}
