import Foundation
import Settings
import Testing

@Suite struct ConfigurationFileTests {
    private func parse(_ text: String, file: String = "test.yaml") throws -> Configuration {
        try ConfigurationFile.parse(Array(text.utf8), file: file)
    }

    @Test func everySettingIsRead() throws {
        let configuration = try parse(
            """
            mongo:
              uri_file: /etc/tapedesk/mongo-uri
              database: tapedesk
            tickets:
              agent: mia
              targets:
                low: { first_response: 3d, resolution: 2w }
                urgent:
                  first_response: 1h
                  resolution: 1h30m
              roles:
                mia: agent
                sam: supervisor
                "the intern": viewer
              default_role: agent
            """
        )
        var expected = Configuration()
        expected.mongo.uriFile = "/etc/tapedesk/mongo-uri"
        expected.mongo.database = "tapedesk"
        expected.tickets.agent = "mia"
        expected.tickets.targets["low"] = .init(firstResponse: .seconds(259_200), resolution: .seconds(1_209_600))
        expected.tickets.targets["urgent"] = .init(firstResponse: .seconds(3_600), resolution: .seconds(5_400))
        expected.tickets.roles = ["mia": .agent, "sam": .supervisor, "the intern": .viewer]
        expected.tickets.defaultRole = .agent
        #expect(configuration == expected)
    }

    @Test(arguments: [
        "", "\n", "# nothing yet\n", "---\n", "{}", "mongo:\ntickets:\n", "tickets: {}\n", "\u{FEFF}mongo: ~\n",
    ])
    func aFileMayBeEmpty(_ text: String) throws {
        #expect(try parse(text) == Configuration())
    }

    @Test func scalarsAreTextAsTheyStand() throws {
        #expect(try parse("tickets: { agent: yes }").tickets.agent == "yes")
        #expect(try parse("tickets:\r\n  agent: 0x10\r\n").tickets.agent == "0x10")
        #expect(try parse("tickets: { agent: 'null' }").tickets.agent == "null")
        #expect(try parse("tickets: { agent: Zoë }").tickets.agent == "Zoë")
    }

    @Test func aRelativePathStartsFromTheFolderOfTheFile() throws {
        let text = "mongo: { uri_file: secrets/uri }"
        #expect(try parse(text, file: "/etc/tapedesk/tapedesk.yaml").mongo.uriFile == "/etc/tapedesk/secrets/uri")
        #expect(try parse(text, file: "tapedesk.yaml").mongo.uriFile == "secrets/uri")
    }

    @Test func withoutRolesNobodyIsRestricted() throws {
        #expect(try parse("").tickets.role(of: "anybody") == .supervisor)
        let named = try parse("tickets: { roles: { sam: supervisor, mia: agent } }").tickets
        #expect(named.role(of: "sam") == .supervisor)
        #expect(named.role(of: "mia") == .agent)
        #expect(named.role(of: "Mia") == .viewer)
        let withDefault = try parse("tickets: { roles: { sam: supervisor }, default_role: agent }").tickets
        #expect(withDefault.role(of: "mia") == .agent)
        #expect(try parse("tickets: { default_role: agent }").tickets.role(of: "mia") == .agent)
        #expect(Configuration.Role.viewer < .agent && Configuration.Role.agent < .supervisor)
    }

    private static let example = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "config/tapedesk.yaml")

    @Test func theExampleFileSaysNothingByItself() throws {
        #expect(try ConfigurationFile.load(named: Self.example.path) == Configuration())
    }

    @Test func theExampleFileHasEverySettingOnceTheCommentSignsAreGone() throws {
        let lines = try String(contentsOf: Self.example, encoding: .utf8).split(
            separator: "\n",
            omittingEmptySubsequences: false
        )
        let text = lines.map { line in
            let isProse = line.hasPrefix("# ") && !line.hasPrefix("#  ")
            return isProse || !line.hasPrefix("#") ? String(line) : String(line.dropFirst())
        }.joined(separator: "\n")
        let configuration = try parse(text)
        #expect(configuration.mongo.uriFile == "/etc/tapedesk/mongo-uri")
        #expect(configuration.mongo.database == "tapedesk")
        #expect(configuration.tickets.agent == "mia")
        #expect(Set(configuration.tickets.targets.keys) == ["normal", "high", "urgent"])
        #expect(configuration.tickets.roles == ["mia": .agent, "sam": .supervisor])
        #expect(configuration.tickets.defaultRole == .viewer)
        #expect(configuration.retention.archive == "/var/lib/tapedesk/archive")
        #expect(
            configuration.retention.rules == [
                .init(venue: "BINANCE", kind: .quote, keep: .seconds(30 * 86_400)),
                .init(kind: .trade, keep: .seconds(90 * 86_400)),
            ]
        )
    }

    // MARK: - Files

    @Test func onlyTheDefaultFileMayBeMissing() throws {
        let folder = try TemporaryFolder()
        let missing = folder.path("missing.yaml")
        #expect(try ConfigurationFile.load(named: nil, fallback: missing) == Configuration())
        #expect(try ConfigurationFile.load(named: nil, fallback: "/dev/null/x.yaml") == Configuration())
        let error = try #require(throws: ConfigurationError.self) { try ConfigurationFile.load(named: missing) }
        #expect(error.description == "\(missing): there is no such file; name another one, or create it")
        let unnamed = try #require(throws: ConfigurationError.self) { try ConfigurationFile.load(named: "") }
        #expect(unnamed.description.hasPrefix("'': there is no such file"), "\(unnamed)")
    }

    @Test func theDefaultFileIsCheckedWhereThereIsOne() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("default.yaml", Array("mongoo: 1\n".utf8))
        #expect(throws: ConfigurationError.self) { try ConfigurationFile.load(named: nil, fallback: file) }
    }

    @Test func aFolderIsNoFile() throws {
        let folder = try TemporaryFolder()
        let error = try #require(throws: ConfigurationError.self) {
            try ConfigurationFile.load(named: folder.path(""))
        }
        #expect(error.description.contains("this is a folder"))
    }

    @Test func aFileThatCannotBeReadIsReportedWithTheReason() throws {
        // Readable for nobody, root included.
        let error = try #require(throws: ConfigurationError.self) {
            try ConfigurationFile.load(named: "/proc/self/mem")
        }
        #expect(error.description.contains("cannot be read"), "\(error)")
    }

    @Test func aFileHasABound() throws {
        let folder = try TemporaryFolder()
        let comment = Array(repeating: UInt8(ascii: "#"), count: ConfigurationFile.bytesMax)
        let longest = try folder.write("longest.yaml", comment)
        #expect(try ConfigurationFile.load(named: longest) == Configuration())
        let tooLong = try folder.write("long.yaml", comment + [UInt8(ascii: "\n")])
        let error = try #require(throws: ConfigurationError.self) { try ConfigurationFile.load(named: tooLong) }
        #expect(error.description.contains("longer than the 1 MB"))
        #expect(throws: ConfigurationError.self) { try ConfigurationFile.load(named: "/dev/zero") }
    }
}
