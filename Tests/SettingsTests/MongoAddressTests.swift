import Testing

@testable import Settings

@Suite struct MongoAddressTests {
    private func resolve(
        _ uri: String? = nil,
        environment: String? = nil,
        database: String? = nil,
        file configuration: Configuration? = nil
    ) throws -> MongoAddress? {
        try MongoAddress.resolve(uri: uri, environmentURI: environment, database: database) {
            () throws(ConfigurationError) in
            guard let configuration else { throw ConfigurationError(file: "broken", mistakes: []) }
            return configuration
        }
    }

    private func configuration(uri: String? = nil, database: String? = nil) -> Configuration {
        var configuration = Configuration()
        configuration.mongo.uri = uri
        configuration.mongo.database = database
        return configuration
    }

    @Test func theArgumentGoesBeforeTheEnvironmentAndThatBeforeTheFile() throws {
        let file = configuration(uri: "mongodb://file/")
        #expect(try resolve("mongodb://a/", environment: "mongodb://e/", file: file)?.uri == "mongodb://a/")
        #expect(try resolve(environment: "mongodb://e/", file: file)?.uri == "mongodb://e/")
        #expect(try resolve(file: file)?.uri == "mongodb://file/")
        #expect(try resolve(file: configuration()) == nil)
        #expect(try resolve("", environment: "mongodb://e/", file: file) == nil, "an empty argument is no address")
    }

    @Test func theFileIsReadOnlyWhenSomethingIsLeftOpen() throws {
        #expect(try resolve("mongodb://a/d") != nil)
        #expect(try resolve("mongodb://a/", database: "d")?.database == "d")
        #expect(try resolve(environment: "mongodb://e/d") != nil)
        #expect(throws: ConfigurationError.self) { try resolve("mongodb://a/") }
        #expect(throws: ConfigurationError.self) { try resolve(database: "d") }
    }

    @Test func theDatabaseHasAnOrderOfItsOwn() throws {
        let file = configuration(uri: "mongodb://file/path", database: "file")
        #expect(try resolve(database: "argument", file: file)?.database == "argument")
        #expect(try resolve(file: file)?.database == "file")
        #expect(try resolve("mongodb://a/path", file: file)?.database == nil, "the one of the connection string")
        #expect(try resolve("mongodb://a/path", database: "argument", file: file)?.database == "argument")
        #expect(try resolve("mongodb://a/", file: file)?.database == "file")
        #expect(try resolve(environment: "mongodb://a", file: file)?.database == "file")
        #expect(try resolve("mongodb://a/", file: configuration())?.database == nil)
    }

    @Test(arguments: [
        ("mongodb://h/d", true), ("mongodb://h/", false), ("mongodb://h", false),
        ("mongodb://h/?replicaSet=a/b", false),
        ("mongodb://h/d?a=b", true), ("mongodb://u:p@h:1,i:2/d", true), ("mongodb://u:p%2Fq@h", false),
        ("mongodb://u:p/q@h", false), ("mongodb+srv://h.example/d", true), ("nonsense", false), ("", false),
    ])
    func aConnectionStringMayNameADatabase(_ uri: String, _ names: Bool) {
        #expect(MongoAddress.namesDatabase(uri) == names)
    }

    // MARK: - The file of the connection string

    private func secret(_ content: String, permissions: Int = 0o600) throws -> (TemporaryFolder, Configuration) {
        let folder = try TemporaryFolder()
        var configuration = Configuration()
        configuration.mongo.uriFile = try folder.write("uri", Array(content.utf8), permissions: permissions)
        return (folder, configuration)
    }

    @Test func theConnectionStringMayBeInAFile() throws {
        let (folder, configuration) = try secret("\n  mongodb://u:p@h/d \r\n\n")
        let address = try #require(try resolve(file: configuration))
        #expect(address.uri == "mongodb://u:p@h/d")
        #expect(address.openSecretFile == nil)
        #expect(try resolve("mongodb://a/d", file: configuration)?.uri == "mongodb://a/d")
        withExtendedLifetime(folder) {}
    }

    @Test(arguments: [0o640, 0o604, 0o610, 0o644])
    func aFileThatIsOpenToOthersIsTold(_ permissions: Int) throws {
        let (folder, configuration) = try secret("mongodb://h/", permissions: permissions)
        #expect(try resolve(file: configuration)?.openSecretFile == folder.path("uri"))
    }

    @Test(arguments: ["", " \n", "mongodb://u:sekret@h/ sekret\n", String(repeating: "sekret", count: 20_000)])
    func aFileThatHoldsNoConnectionStringIsReportedWithoutItsContent(_ content: String) throws {
        let (folder, configuration) = try secret(content)
        let error = try #require(throws: ConfigurationError.self) { try resolve(file: configuration) }
        #expect(error.description.contains("mongo.uri_file") && error.file == folder.path("uri"), "\(error)")
        #expect(!error.description.contains("sekret"), "\(error)")
    }

    @Test func aMissingFileIsReported() throws {
        var configuration = Configuration()
        configuration.mongo.uriFile = "/nowhere/uri"
        let error = try #require(throws: ConfigurationError.self) { try resolve(file: configuration) }
        #expect(error.description == "/nowhere/uri: the file of 'mongo.uri_file' is not there")
        configuration.mongo.uriFile = "/"
        #expect(throws: ConfigurationError.self) { try resolve(file: configuration) }
    }
}
