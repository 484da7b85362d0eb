import Testing

@testable import MongoRuntime

@Suite struct ConfigurationTests {
    @Test(arguments: [
        ("mongodb://h:1", "mongodb://h:1", "h:1"),
        ("mongodb://user:secret@h:1,i:2/db?replicaSet=r", "mongodb://user:***@h:1,i:2/db?replicaSet=r", "h:1,i:2"),
        ("mongodb://user@h/", "mongodb://user@h/", "h"),
        ("mongodb://user:se@cr/et@h/db", "mongodb://user:***@h/db", "h"),
        ("mongodb://user:sec?ret@h/db", "mongodb://user:***@h/db", "h"),
        (
            "mongodb://h/?tlsCertificateKeyFilePassword=secret&tls=true",
            "mongodb://h/?tlsCertificateKeyFilePassword=***&tls=true", "h"
        ),
        ("user:secret@h", "user:***@h", "h"),
        ("", "", ""),
    ])
    func passwordsAreRemoved(uri: String, text: String, hosts: String) {
        let redaction = URIRedaction(uri)
        #expect(redaction.text == text)
        #expect(redaction.hosts == hosts)
    }

    @Test(arguments: [
        "", "localhost", "mongodb://", "http://u:secret@h/", "mongodb://u:se/secret@h/", "mongodb://u:secret@@h/",
        "mongodb://u:secret@h:99999/", "mongodb://u:secret@h/?authSource", "mongodb://u:secret%zz@h/",
    ])
    func unusableURIIsRefusedWithoutItsPassword(uri: String) {
        #expect {
            _ = try MongoConfiguration(uri: uri)
        } throws: { error in
            guard let error = error as? MongoError else { return false }
            return error.code == .configuration && !error.message.contains("secret")
        }
    }

    @Test func boundsOfTheNumberOfConnections() {
        #expect(throws: MongoError.self) { try MongoConfiguration(uri: "mongodb://h/", connectionCount: 0) }
        #expect(throws: MongoError.self) { try MongoConfiguration(uri: "mongodb://h/", connectionCount: 65) }
    }

    @Test func databaseComesFromThePath() throws {
        #expect(try MongoConfiguration(uri: "mongodb://h/trades").database == "trades")
        #expect(try MongoConfiguration(uri: "mongodb://h/").database == nil)
    }

    @Test func serverMessagesLoseWhatTheyQuote() {
        let text = #"E11000 duplicate key error collection: db.c index: name_1 dup key: { name: "secret" }"#
        #expect(MongoError.withoutContents(text) == "E11000 duplicate key error collection: db.c index: name_1")
        #expect(MongoError.duplicateKeyIndex(in: text) == "name_1")
        #expect(MongoError.withoutContents(#"unknown operator: "secret""#) == "unknown operator: ")
    }
}
