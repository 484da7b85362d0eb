import Settings
import Testing

/// Everything that can be wrong in a file is reported with its place and with what to do.
@Suite struct MistakeTests {
    @Test(arguments: [
        // Unknown keys.
        ("mongoo:\n  database: x\n", "1:1 unknown key 'mongoo'; did you mean 'mongo'?"),
        ("mongo:\n  datbaase: x\n", "2:3 unknown key 'datbaase'; did you mean 'database'?"),
        ("tickets:\n  agent: mia\n  rolls: {}\n", "3:3 unknown key 'rolls'; did you mean 'roles'?"),
        (
            "reports: {}\n",
            "1:1 unknown key 'reports'; here stands one of: mongo, tickets, retention, service, http, alerts, "
                + "zones, webhooks, sources"
        ),
        ("Mongo: {}\n", "1:1 unknown key 'Mongo'; did you mean 'mongo'?"),
        ("? [a, b]\n: c\n", "1:3 a key is a word, not a list"),
        // Wrong types.
        ("- mongo\n", "1:1 the file takes keys with values, such as 'key: value', not a list"),
        ("mongo\n", "1:1 the file takes keys with values, such as 'key: value', not a text"),
        ("mongo: here\n", "1:8 'mongo' takes keys with values, such as 'key: value', not a text"),
        ("tickets:\n  roles: [mia]\n", "2:10 'tickets.roles' takes keys with values, such as 'key: value', not a list"),
        ("mongo:\n  database: [a]\n", "2:13 'mongo.database' takes a text, not a list"),
        ("mongo:\n  database: { a: b }\n", "2:13 'mongo.database' takes a text, not keys with values"),
        ("mongo:\n  database:\n", "2:3 'mongo.database' has no value: give one, or remove the line"),
        ("mongo:\n  database: ''\n", "2:3 'mongo.database' has no value: give one, or remove the line"),
        (
            "tickets:\n  agent: \"a\\nb\"\n",
            "2:10 'tickets.agent' holds a line break or a control character: remove it"
        ),
        // Durations, priorities, roles.
        (
            "tickets:\n  targets:\n    high: { first_response: 4 hours, resolution: 2d }\n",
            "3:29 '4 hours' is no duration for 'tickets.targets.high.first_response': "
                + "a duration is written as 90s, 30m, 8h, 3d, 2w or 1h30m"
        ),
        (
            "tickets:\n  targets:\n    high: { first_response: 30m1h, resolution: 2d }\n",
            "3:29 '30m1h' is no duration for 'tickets.targets.high.first_response': "
                + "the units of a duration come once each, the largest first, as in 1d12h"
        ),
        (
            "tickets:\n  targets:\n    high: { first_response: 0s, resolution: 2d }\n",
            "3:29 'tickets.targets.high.first_response' has to be longer than zero"
        ),
        (
            "tickets:\n  targets:\n    high: { first_response: 4h }\n",
            "3:5 'tickets.targets.high' needs both 'first_response' and 'resolution'"
        ),
        (
            "tickets:\n  targets:\n    high:\n",
            "3:5 'tickets.targets.high' needs both 'first_response' and 'resolution'"
        ),
        (
            "tickets:\n  targets:\n    high: { first_response: 4h, resolution: 3h }\n",
            "3:5 'tickets.targets.high' has a 'resolution' that is shorter than its 'first_response'"
        ),
        (
            "tickets:\n  targets:\n    urgnt: { first_response: 4h, resolution: 2d }\n",
            "3:5 unknown priority 'urgnt'; did you mean 'urgent'?"
        ),
        (
            "tickets:\n  targets:\n    p1: { first_response: 4h, resolution: 2d }\n",
            "3:5 unknown priority 'p1'; here stands one of: low, normal, high, urgent"
        ),
        ("tickets:\n  roles:\n    mia: agnet\n", "3:10 unknown role 'agnet'; did you mean 'agent'?"),
        (
            "tickets:\n  roles:\n    mia: boss\n",
            "3:10 unknown role 'boss'; here stands one of: viewer, agent, supervisor"
        ),
        ("tickets:\n  roles:\n", "2:3 'tickets.roles' names nobody: add 'name: role', or remove it"),
        (
            "tickets: { default_role: none }\n",
            "1:26 unknown role 'none'; here stands one of: viewer, agent, supervisor"
        ),
        (
            "mongo:\n  uri: a\n  database: d\n  uri_file: b\n",
            "4:3 'mongo.uri' and 'mongo.uri_file' exclude each other: remove one of them"
        ),
        // YAML itself.
        ("mongo: {}\nmongo: {}\n", "1:1 the key 'mongo' is given again further down: keep one of them"),
        (
            "tickets:\n  agent: mia\n  \"agent\": sam\n",
            "2:3 the key 'agent' is given again further down: keep one of them"
        ),
        (
            "mongo:\n\tdatabase: x\n",
            "2:1 this is not YAML: while scanning for the next token, found character that cannot start any token; "
                + "indent with spaces, not with tabs"
        ),
        (
            "mongo:\n  database: 'x\n",
            "3:1 this is not YAML: while scanning a quoted scalar, found unexpected end of stream; "
                + "check indentation and quotes"
        ),
        (
            "mongo: database: x\n",
            "1:16 this is not YAML: mapping values are not allowed in this context; check indentation and quotes"
        ),
        ("mongo: *other\n", "1:8 this is not YAML: found undefined alias; check indentation and quotes"),
        (
            "mongo: {}\n---\ntickets: {}\n",
            "2:1 this is not YAML: expected a single document in the stream, but found another document; "
                + "check indentation and quotes"
        ),
        ("mongo: {}\ntick\u{7}ets: {}\n", "2:5 the character U+7 is not allowed here: remove it"),
    ])
    func aMistakeIsReportedWithItsPlace(_ text: String, _ expected: String) {
        #expect(mistakes(text) == [expected])
    }

    @Test func bytesThatAreNoTextAreReported() {
        #expect(
            mistakes(Array("mongo:\n  é".utf8) + [0xC3]) == ["2:4 this is not UTF-8: save the file in that encoding"]
        )
        #expect(
            mistakes(Array("a: ".utf8) + [0xED, 0xA0, 0x80]) == [
                "1:4 this is not UTF-8: save the file in that encoding"
            ]
        )
        #expect(mistakes([0xFF, 0xFE, 0x6D, 0x00]) == ["1:1 this is not UTF-8: save the file in that encoding"])
        #expect(mistakes([0]) == ["1:1 the character U+0 is not allowed here: remove it"])
    }

    @Test func allMistakesAreReportedInTheirOrder() throws {
        let text = """
            mongo:
              databse: x
              uri: [a]
            tickets:
              agent: mia
              targets:
                high: { first_response: soon, resolution: 2d, note: x }
                low: { first_response: 1d }
              agent: sam
              roles:
                mia: agnet
                "mia": agent
            """
        #expect(
            mistakes(text).map { String($0.prefix { $0 != " " }) } == [
                "2:3", "3:8", "5:3", "7:29", "7:51", "8:5", "11:5",
            ]
        )
        let error = try #require(throws: ConfigurationError.self) {
            try ConfigurationFile.parse(Array(text.utf8), file: "f.yaml")
        }
        let lines = error.description.split(separator: "\n")
        try #require(lines.count == 8)
        #expect(lines[0] == "the configuration has 7 mistakes:")
        #expect(lines[1] == "  f.yaml:2:3: unknown key 'databse'; did you mean 'database'?")
    }

    @Test func aSingleMistakeIsOneLine() throws {
        let error = try #require(throws: ConfigurationError.self) {
            try ConfigurationFile.parse(Array("mongoo: {}".utf8), file: "a\u{1B}[2J.yaml")
        }
        #expect(error.description == "a\\u{1b}[2J.yaml:1:1: unknown key 'mongoo'; did you mean 'mongo'?")
    }

    @Test func aFloodOfMistakesIsCutWhereItIsShown() throws {
        let text = (0..<1_000).map { "key\($0): 1\n" }.joined()
        let error = try #require(throws: ConfigurationError.self) {
            try ConfigurationFile.parse(Array(text.utf8), file: "f.yaml")
        }
        #expect(error.mistakes.count == 1_000)
        #expect(error.description.hasSuffix("… and 950 more"))
    }

    @Test func repeatedKeysAreAllReported() {
        let text = (0..<3).map { _ in "mongo: {}\n" }.joined() + "tickets:\n  agent: a\n  agent: b\n"
        #expect(mistakes(text).map { String($0.prefix { $0 != " " }) } == ["1:1", "2:1", "5:3"])
        // Keys that do not stand there as they are end the search, not the report.
        #expect(mistakes("\"\\x61\": 1\na: 2\nmongoo: 3\n").count == 1)
        #expect(mistakes("\"\": 1\n\"\": 2\n").count == 1)
        #expect(mistakes("&x a: 1\na: 2\n").count == 1)
        let many = (0..<100).map { "k\($0): 1\nk\($0): 2\n" }.joined()
        #expect(mistakes(many).count == 17)
    }

    // MARK: - What is not said

    @Test(arguments: [
        "mongo: mongodb://mia:sekret@h/\n", "mongo: { uri: { x: mongodb://mia:sekret@h/ } }\n",
        "mongo:\n  'mongodb://mia:sekret@h/': x\n", "mongodb://mia:sekret@h/\n",
        "mongo:\n  uri: mongodb://mia:sekret@h/: x\n", "mongo:\n  uri: 'mongodb://mia:sekret@h/\n",
        "mongo:\n  uri: mongodb://mia:sekret@h/\n  uri_file: x\n", "mongo:\n  uri: \"mia:sekret@h\\n\"\n",
        "tickets: { default_role: 'mia:sekret@h' }\n", "mongo:\n uri: mia:sekret@h\n uri: mia:sekret@h\n",
        "mongo: [mongodb://mia:sekret@h/\n", "mongo: { uri: &sekret x, database: *sekret2 }\n",
    ])
    func noSecretIsShown(_ text: String) throws {
        let error = try #require(throws: ConfigurationError.self) {
            try ConfigurationFile.parse(Array(text.utf8), file: "f.yaml")
        }
        #expect(!error.description.contains("sekret"), "\(error)")
    }

    @Test func nothingIsSentRawToATerminal() {
        let shown = mistakes("tickets: { default_role: \"\\e[31m\\u202Ex\" }\n")
        #expect(shown.count == 1 && shown[0].contains("control character"), "\(shown)")
        let key = mistakes("\"\\e[31m\\u202E\": 1\n")
        #expect(key.count == 1 && key[0].contains("'\\u{1b}[31m\\u{202e}'"), "\(key)")
        let long = mistakes(String(repeating: "k", count: 500) + ": 1\n")
        #expect(long.count == 1 && long[0].utf8.count < 200, "\(long)")
    }

    // MARK: - Anything at all

    /// Bytes that nobody would write: whatever they are, there is an answer.
    @Test func noBytesMakeItFail() {
        let seed = Array(
            """
            mongo: &m { uri: "mongodb://a:b@c/d", database: 'x' }
            tickets:
              agent: >-
                mia
              targets: { high: { first_response: 4h, resolution: 2d }, low: *m }
              ? roles
              : - a
                - !!str b
            # end
            ...
            """.utf8
        )
        let spice = Array("&*!|>'\"%@`{}[],:?-# \n\t\r~<\\\u{85}".utf8)
        var random = SplitMix64(seed: 7)
        for _ in 0..<4_000 {
            var bytes = seed
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[index] = spice.randomElement(using: &random) ?? 0
                case 1: bytes.insert(spice.randomElement(using: &random) ?? 0, at: index)
                case 2: bytes.removeSubrange(index..<min(bytes.count, index + Int.random(in: 1...9, using: &random)))
                default: bytes[index] = UInt8.random(in: 0...255, using: &random)
                }
                if bytes.isEmpty { bytes = seed }
            }
            for mistake in mistakes(bytes) { #expect(!mistake.isEmpty) }
        }
    }

    @Test(arguments: ["[", "{a: ", "- ", "? "])
    func depthHasABound(_ opening: String) {
        #expect(!mistakes(String(repeating: opening, count: 100_000)).isEmpty)
    }
}
