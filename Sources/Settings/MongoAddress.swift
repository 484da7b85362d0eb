/// Where the database is: the connection string and the name of the database.
///
/// The connection string comes from the first of: the argument, the environment, `mongo.uri` or `mongo.uri_file` of the
/// configuration. The database is the first of
/// 1. the argument,
/// 2. `mongo.database`, where the connection string comes from the configuration, too,
/// 3. the one in the connection string,
/// 4. `mongo.database`,
///
/// and otherwise the one that the programs take by themselves. So an argument or the environment is never half
/// overruled by a file, and a file may name a database beside the one that its connection string authenticates with.
package struct MongoAddress: Equatable, Sendable {
    /// The connection string, with credentials.
    ///
    /// Not for messages.
    package let uri: String
    /// The database; nil leaves it to the connection string, or to the default.
    package let database: String?
    /// The file with the connection string, where others than its owner have rights on it.
    package let openSecretFile: String?

    /// Finds the address.
    ///
    /// - Parameters:
    ///   - uri: the connection string of the arguments.
    ///   - environmentURI: the one of the environment.
    ///   - database: the database of the arguments.
    ///   - configuration: reads the configuration; called only when something is left open.
    /// - Returns: nil where nobody names a connection string.
    /// - Throws: `ConfigurationError`.
    package static func resolve(
        uri: String?,
        environmentURI: String?,
        database: String?,
        configuration: () throws(ConfigurationError) -> Configuration
    ) throws(ConfigurationError) -> MongoAddress? {
        if let uri = uri ?? environmentURI {
            guard !uri.isEmpty else { return nil }
            if database != nil || namesDatabase(uri) { return MongoAddress(uri, database) }
            return MongoAddress(uri, try configuration().mongo.database)
        }
        let mongo = try configuration().mongo
        if let uri = mongo.uri { return MongoAddress(uri, database ?? mongo.database) }
        guard let path = mongo.uriFile else { return nil }
        let secret = try SecretFile.read(path)
        return MongoAddress(secret.text, database ?? mongo.database, openSecretFile: secret.isOpenToOthers ? path : nil)
    }

    private init(_ uri: String, _ database: String?, openSecretFile: String? = nil) {
        self.uri = uri
        self.database = database
        self.openSecretFile = openSecretFile
    }

    /// Whether a connection string has a database behind its servers: `mongodb://user@host:port/database?options`.
    static func namesDatabase(_ uri: String) -> Bool {
        var rest = uri[...].prefix { $0 != "?" }
        if let scheme = rest.firstRange(of: "://") { rest = rest[scheme.upperBound...] }
        if let credentials = rest.lastIndex(of: "@") { rest = rest[credentials...] }
        guard let slash = rest.firstIndex(of: "/") else { return false }
        return rest.index(after: slash) < rest.endIndex
    }
}

/// A file that holds one secret.
enum SecretFile {
    private static let bytesMax = 65_536

    /// The content without white space around it.
    ///
    /// - Throws: `ConfigurationError` that names the file, and nothing of what is in it.
    static func read(_ path: String) throws(ConfigurationError) -> (text: String, isOpenToOthers: Bool) {
        let file: SmallFile
        do throws(SmallFile.Failure) {
            file = try SmallFile.read(path, bytesMax: bytesMax)
        } catch {
            throw failure(path, explanation(error))
        }
        guard let text = String(validating: file.bytes, as: UTF8.self) else {
            throw failure(path, "the file of 'mongo.uri_file' is not UTF-8")
        }
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count == 1 else {
            let content = words.isEmpty ? "is empty" : "has white space in the middle"
            throw failure(path, "the file of 'mongo.uri_file' \(content); it holds one connection string")
        }
        return (String(words[0]), file.isOpenToOthers)
    }

    private static func failure(_ path: String, _ message: String) -> ConfigurationError {
        ConfigurationError(file: path, mistakes: [.init(nil, message)])
    }

    private static func explanation(_ failure: SmallFile.Failure) -> String {
        switch failure {
        case .missing: "the file of 'mongo.uri_file' is not there"
        case .folder: "'mongo.uri_file' names a folder, not a file"
        case .tooLong(let bytesMax): "the file of 'mongo.uri_file' is longer than \(bytesMax) bytes"
        case .unreadable(let cause): "the file of 'mongo.uri_file' cannot be read: \(cause)"
        }
    }
}
