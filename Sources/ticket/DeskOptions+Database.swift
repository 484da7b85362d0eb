import Configuration
import Console
import DocumentStore
import MongoStore

extension DeskOptions {
    /// Connects to the database that the arguments, the environment or the configuration name.
    ///
    /// - Throws: `StoreError`, `ConfigurationError`.
    func database(connections: Int) async throws -> Database {
        Terminal.reserveDescriptors()
        let address = try MongoAddress.resolve(
            uri: mongo.uri,
            environmentURI: Terminal.environment("TAPEDESK_MONGO_URI"),
            database: mongo.database,
            configuration: mongo.config.load
        )
        guard let address else {
            throw StoreError(
                .refused,
                "no database is named: give --mongo URI, set TAPEDESK_MONGO_URI, or name a configuration with mongo.uri "
                    + "or mongo.uri_file by --config"
            )
        }
        if let file = address.openSecretFile {
            Terminal.error(
                "\(Terminal.program): warning: others than its owner have rights on \(file), which holds the password "
                    + "of the database: chmod 600 it"
            )
        }
        let store = try await MongoDocumentStore.connect(
            uri: address.uri,
            database: address.database,
            connections: connections,
            applicationName: Terminal.program
        )
        return Database(store: store, wait: .seconds(mongo.wait))
    }
}
