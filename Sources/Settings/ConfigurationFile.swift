/// Where the configuration is, and how its bytes become values.
package enum ConfigurationFile {
    /// The file that is read where none is named.
    package static let pathDefault = "/etc/tapedesk/tapedesk.yaml"
    /// The longest file that is read, in bytes.
    package static let bytesMax = 1_000_000

    /// Reads and checks the configuration.
    ///
    /// - Parameters:
    ///   - named: the file that an argument or the environment names, which has to be there; nil for the default one,
    ///     which may be missing.
    ///   - fallback: the default one.
    /// - Throws: `ConfigurationError` with all mistakes.
    package static func load(
        named: String?,
        fallback: String = pathDefault
    ) throws(ConfigurationError) -> Configuration {
        let path = named ?? fallback
        let file: SmallFile
        do throws(SmallFile.Failure) {
            file = try SmallFile.read(path, bytesMax: bytesMax)
        } catch {
            if named == nil, error == .missing { return Configuration() }
            throw ConfigurationError(file: path, mistakes: [.init(nil, explanation(error))])
        }
        return try parse(file.bytes, file: path)
    }

    /// Checks the content of a configuration file.
    ///
    /// - Parameter file: its path, for messages and as the start of relative paths.
    /// - Throws: `ConfigurationError` with all mistakes.
    package static func parse(_ bytes: [UInt8], file: String) throws(ConfigurationError) -> Configuration {
        let text: String
        do throws(ConfigurationText.Fault) {
            text = try ConfigurationText.decode(bytes)
        } catch {
            throw ConfigurationError(file: file, mistakes: [.init(error.place, error.message)])
        }
        let document = YAMLDocument(text)
        var reader = ConfigurationReader(folder: folder(of: file), ignoring: document.ignoredKeys)
        var configuration = Configuration()
        if let root = document.root {
            reader.read(reader.entries(of: root, path: ""), Configuration.keys, into: &configuration)
        }
        let mistakes = document.mistakes + reader.mistakes
        guard mistakes.isEmpty else { throw ConfigurationError(file: file, mistakes: mistakes) }
        return configuration
    }

    private static func folder(of file: String) -> String {
        file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
    }

    private static func explanation(_ failure: SmallFile.Failure) -> String {
        switch failure {
        case .missing: "there is no such file; name another one, or create it"
        case .folder: "this is a folder; name the file in it"
        case .tooLong(let bytesMax):
            "the file is longer than the \(bytesMax / 1_000_000) MB that a configuration may have"
        case .unreadable(let cause): "the file cannot be read: \(cause)"
        }
    }
}

/// The characters of a configuration file.
enum ConfigurationText {
    /// A byte or a character that the file may not have.
    struct Fault: Error, Equatable {
        let place: ConfigurationError.Place
        let message: String
    }

    /// The bytes as text, without a byte order mark.
    ///
    /// - Throws: `Fault` for the first byte that is no UTF-8, or the first character that YAML does not allow.
    static func decode(_ bytes: [UInt8]) throws(Fault) -> String {
        let content = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
        var text = String.UnicodeScalarView()
        var place = ConfigurationError.Place(line: 1, column: 1)
        var decoder = UTF8()
        var iterator = content.makeIterator()
        while true {
            switch decoder.decode(&iterator) {
            case .emptyInput: return String(text)
            case .error: throw Fault(place: place, message: "this is not UTF-8: save the file in that encoding")
            case .scalarValue(let scalar):
                guard isAllowed(scalar) else {
                    let code = String(scalar.value, radix: 16)
                    throw Fault(place: place, message: "the character U+\(code) is not allowed here: remove it")
                }
                text.append(scalar)
                place.column += 1
                if scalar == "\n" { place = .init(line: place.line + 1, column: 1) }
            }
        }
    }

    /// YAML 1.1, section 5.1.
    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A, 0x0D, 0x20...0x7E, 0x85, 0xA0...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD,
            0x10000...0x10FFFF:
            true
        default: false
        }
    }
}
