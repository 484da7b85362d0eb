import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// A MongoDB that wants TLS, and to know who asks.
    @Suite(
        .serialized,
        .timeLimit(.minutes(5)),
        .enabled(if: Product.hasTool("openssl"), "there is no openssl to make certificates with")
    )
    struct SecuredDatabaseTests {
        @Test func clientsAreKnownByTheirCertificates() async throws {
            let secured = try await SecuredServer()
            defer { secured.stop() }
            let certificate = try await secured.certificates.make("client", subject: "/O=tapedesk/OU=clients/CN=daemon")
            try await secured.addCertificateUser("CN=daemon,OU=clients,O=tapedesk")
            let desk = try secured.desk(nil, "authMechanism=MONGODB-X509&tlsCertificateKeyFile=\(certificate)")
            try await secured.expectWorks(desk)

            let stranger = try await secured.certificates.make("stranger", subject: "/O=tapedesk/OU=clients/CN=else")
            let refused = try secured.desk(nil, "authMechanism=MONGODB-X509&tlsCertificateKeyFile=\(stranger)")
            let ending = try await refused.run("status")
            #expect(ending.code == 2 && ending.output.isEmpty)
            #expect(ending.error.contains("did not accept the credentials"), "\(ending.error)")
        }

        @Test func passwordsGoOverTLS() async throws {
            let secured = try await SecuredServer()
            defer { secured.stop() }
            try await secured.addUser("desk", password: "sekret-word")
            let desk = try secured.desk("desk:sekret-word", "authMechanism=SCRAM-SHA-256")
            try await secured.expectWorks(desk)

            let other = try await Certificates(in: try TemporaryFolder.make())
            defer { try? FileManager.default.removeItem(atPath: other.folder) }
            let plain = desk.uri.replacing("tls=true", with: "tls=false")
            let untrusted = desk.uri.replacing(secured.certificates.authority, with: other.authority)
            for uri in [plain, untrusted] {
                let ending = try await desk.runAlone(["status", "--mongo", uri])
                #expect(ending.code == 2 && ending.output.isEmpty, "nothing goes over a connection that is not trusted")
                #expect(ending.error.contains("no MongoDB server at 127.0.0.1"), "\(ending.error)")
                #expect(!ending.error.contains("sekret-word"))
            }
        }

        @Test func aUserThatIsRemovedEndsAReplayThatGoesOnLater() async throws {
            let secured = try await SecuredServer()
            defer { secured.stop() }
            try await secured.addUser("desk", password: "sekret-word")
            let desk = try secured.desk("desk:sekret-word", "")
            let sample = try await Sample.make(events: 40_000, seed: 32, in: desk.folder)
            let feed = try Data(contentsOf: URL(fileURLWithPath: sample.path))
            let words = ["replay", "--json"] + Sample.mapped + ["--source", "live", "-"]
            let replay = try desk.start(words, input: .pipe)
            try await replay.send(feed.prefix(feed.count / 2))
            try await poll("something is stored") { try await (desk.status().sources.first?.records ?? 0) > 0 }
            try await secured.removeUser("desk")
            try? await replay.send(feed.dropFirst(feed.count / 2))
            replay.closeInput()
            let ending = try await replay.wait(within: .seconds(120))
            #expect(ending.code == 2, "\(ending.text)")
            #expect(
                ending.error.contains("check the rights of the user on database \(desk.database)")
                    || ending.error.contains("did not accept the credentials"),
                "\(ending.error)"
            )
            #expect(!ending.error.contains("sekret-word"))

            try await secured.addUser("desk", password: "sekret-word")
            let again = try await desk.start(words, input: .file(sample.path)).wait(within: .seconds(120))
            #expect(again.code == 1, "rejected records only: \(again.error)")
            try await desk.expectHolds(sample)
        }

        @Test func aDaemonWhoseUserIsRemovedEndsAndLosesNothingOfItsTape() async throws {
            let secured = try await SecuredServer()
            defer { secured.stop() }
            try await secured.addUser("desk", password: "sekret-word")
            let service = ServiceDesk(try secured.desk("desk:sekret-word", ""))
            let venue = try await TradeVenue()
            let daemon = try await service.serve(hundredTradesOf: venue)
            try await secured.removeUser("desk")
            venue.trade(101...200)
            let ending = try await daemon.program.wait()
            #expect(ending.code == 2)
            #expect(ending.error.contains("check the rights of the user"), "\(ending.error)")
            #expect(!ending.error.contains("sekret-word"))

            try await secured.addUser("desk", password: "sekret-word")
            let next = try service.serve()
            try await poll("all is stored", within: .seconds(60)) { try await service.stored() == Array(1...200) }
            try await next.stop()
        }
    }
}

/// A replica set of one member that wants TLS, and to know who asks.
private struct SecuredServer: Sendable {
    let certificates: Certificates
    private let set: ReplicaSet

    private static let administrator = "root:root-word"

    init() async throws {
        certificates = try await Certificates(in: try TemporaryFolder.make())
        let certificate = try await certificates.make("server", subject: "/O=tapedesk/OU=servers/CN=127.0.0.1")
        let keyFile = certificates.folder + "/members.key"
        try "dGhlIG1lbWJlcnMgb2YgYSB0ZXN0".write(toFile: keyFile, atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: keyFile)
        var options = ReplicaSet.Options()
        options.memberCount = 1
        options.uriOptions = "tls=true&tlsCAFile=\(certificates.authority)"
        options.arguments = [
            "--tlsMode", "requireTLS", "--tlsCertificateKeyFile", certificate, "--tlsCAFile", certificates.authority,
            "--tlsAllowConnectionsWithoutCertificates", "--auth", "--keyFile", keyFile,
        ]
        set = try await ReplicaSet.start(options)
        // The first user may be made by whoever is on the same machine.
        try await set.makeUser("root", password: "root-word", role: "root")
        set.members[0].authenticate(Self.administrator)
    }

    func stop() {
        set.stop()
        try? FileManager.default.removeItem(atPath: certificates.folder)
    }

    func addUser(_ name: String, password: String) async throws {
        try await set.makeUser(name, password: password, role: "readWriteAnyDatabase")
    }

    func removeUser(_ name: String) async throws { try await set.removeUser(name) }

    func addCertificateUser(_ subject: String) async throws {
        try await set.makeUser(subject, password: nil, role: "readWriteAnyDatabase")
    }

    func desk(_ credentials: String?, _ options: String) throws -> Desk {
        try Desk(uri: set.uri(credentials: credentials, options: options))
    }

    /// Events go in, and come out.
    func expectWorks(_ desk: Desk) async throws {
        let sample = try await Sample.make(events: 5_000, seed: 33, in: desk.folder)
        try await desk.replay(sample)
        try await desk.expectHolds(sample)
    }
}
