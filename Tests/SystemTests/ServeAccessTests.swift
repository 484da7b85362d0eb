import Foundation
import Testing

extension SystemTests {
    /// Who may ask the daemon for what, and over which connections.
    @Suite(.timeLimit(.minutes(5)), .enabled(if: Product.hasTool("curl"), "there is no curl program"))
    struct ServeAccessTests {
        @Test func tokensDecideWhoMayDoWhat() async throws {
            let service = try await ServiceDesk()
            let tokens = [("watcher", "read", "see"), ("feed", "ingest", "hand in"), ("boss", "admin", "all")]
            try service.configure(http: try await service.http(tokens: tokens))
            let daemon = try service.serve()
            try await daemon.wait(for: "ready")
            for path in ["/metrics", "/status", "/alerts"] {
                let missing = try await daemon.get(path)
                #expect(missing.status == 401 && missing.headers["www-authenticate"] == "Bearer", "\(missing)")
                let wrong = try await daemon.get(path, token: "seen")
                #expect(wrong.status == 401 && wrong.headers["www-authenticate"]?.contains("invalid_token") == true)
                let digest = try await service.digest("see")
                #expect(try await daemon.get(path, token: digest).status == 401, "the digest is no token")
            }
            for token in ["see", "hand in", "all"] {
                #expect(try await daemon.get("/metrics", token: token).status == 200, "\(token)")
                #expect(try await daemon.get("/status", token: token).status == 200, "\(token)")
            }
            for path in ["/healthz", "/readyz"] { #expect(try await daemon.get(path).status == 200) }
            let line = #"{"ticket":"1","sequence":1,"type":"create","fields":{"subject":"s","requester":"r"}}"# + "\n"
            #expect(try await daemon.post(line).status == 401)
            #expect(try await daemon.post(line, token: "none").status == 401)
            let refused = try await daemon.post(line, token: "see")
            #expect(refused.status == 403 && refused.body == "the token 'watcher' may not do this\n", "\(refused)")
            for token in ["hand in", "all"] {
                try await poll("it takes tickets") { try await daemon.post(line, token: token).status == 200 }
            }
            try await daemon.stop()
        }

        @Test(.enabled(if: Product.hasTool("openssl"), "there is no openssl program"))
        func itSpeaksTLS() async throws {
            let service = try await ServiceDesk()
            let (certificate, key) = try await makeCertificate(service.desk)
            let files = "certificate: \"\(certificate)\", key: \"\(key)\""
            let tokens = "tokens: [{ name: a, role: read, sha256: \(try await service.digest("see")) }]"
            // With both, every address is allowed.
            try service.configure(http: "{ listen: \"0.0.0.0:0\", \(files), \(tokens) }")
            let daemon = try service.serve()
            let url = try await daemon.url("/status", scheme: "https")
            let trusted = ["--cacert", certificate, "--header", "Authorization: Bearer see"]
            let answer = try await service.desk.ask(url, trusted)
            #expect(try answer.status == 200 && answer.json["state"] != nil, "\(answer)")
            #expect(try await service.desk.ask(url, ["--cacert", certificate]).status == 401)
            await #expect(throws: HarnessError.self) { try await service.desk.ask(url) }
            await #expect(throws: HarnessError.self) { try await daemon.get("/status") }
            await #expect(throws: HarnessError.self) {
                try await service.desk.ask(url, trusted + ["--tls-max", "1.1"])
            }
            #expect(try await service.desk.ask(url, trusted).status == 200)
            try await daemon.stop()
        }

        @Test func anOpenAddressNeedsTLSAndTokens() async throws {
            let service = try await ServiceDesk()
            let token = "tokens: [{ name: a, role: read, sha256: \(try await service.digest("see")) }]"
            let cases = [
                "{ listen: \"0.0.0.0:0\" }", "{ listen: \"[::]:0\" }", "{ listen: \"0.0.0.0:0\", \(token) }",
                "{ listen: \"0.0.0.0:0\", certificate: a.pem, key: b.pem }",
            ]
            for http in cases {
                try service.configure(http: http)
                let ending = try await service.serveToTheEnd()
                #expect(ending.code == 2, "\(http): \(ending.error)")
                #expect(ending.error.contains("tapedesk.yaml:2:1: 'http.listen' names an address"), "\(ending.error)")
            }
        }

        @Test func aCertificateThatCannotBeReadIsNamed() async throws {
            let service = try await ServiceDesk()
            let missing = service.desk.folder + "/none.pem"
            let broken = try service.desk.file("broken.pem", "this is no certificate\n")
            for file in [missing, broken] {
                try service.configure(http: "{ listen: \"127.0.0.1:0\", certificate: \"\(file)\", key: \"\(file)\" }")
                let ending = try await service.serveToTheEnd()
                #expect(ending.code == 2 && ending.error.contains(file), "\(ending.error)")
            }
        }

        private func makeCertificate(_ desk: Desk) async throws -> (certificate: String, key: String) {
            let (certificate, key) = (desk.folder + "/cert.pem", desk.folder + "/key.pem")
            _ = try await desk.tool(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=IP:127.0.0.1,DNS:localhost",
                "-keyout",
                key,
                "-out",
                certificate
            )
            return (certificate, key)
        }
    }
}
