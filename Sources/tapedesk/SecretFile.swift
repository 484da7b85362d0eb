import Settings

/// A file that holds one secret, such as a key or an address.
enum SecretFile {
    private static let bytesMax = 4_096

    /// What the file holds but for white space at its ends.
    ///
    /// - Throws: `ConfigurationProblem`, which names the file.
    static func read(_ path: String) throws -> String {
        let file: SmallFile
        do throws(SmallFile.Failure) {
            file = try SmallFile.read(path, bytesMax: bytesMax)
        } catch {
            throw ConfigurationProblem("\(path): the file cannot be read, and the secret in it is needed")
        }
        let text = String(decoding: file.bytes, as: UTF8.self)
        return String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
