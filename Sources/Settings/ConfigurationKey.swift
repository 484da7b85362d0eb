/// A key that a section knows, and how its value gets into the section.
struct ConfigurationKey<Section> {
    typealias Read = (inout ConfigurationReader, ConfigurationReader.Entry, inout Section) -> Void

    /// The key itself.
    let name: String
    /// Puts the value of an entry into the section, or notes what is wrong with it.
    let read: Read

    /// A key whose value needs more than the kinds below.
    init(_ name: String, _ read: @escaping Read) {
        self.name = name
        self.read = read
    }

    /// A key with a text.
    static func text(_ name: String, _ field: WritableKeyPath<Section, String?>) -> Self {
        Self(name) { reader, entry, section in section[keyPath: field] = reader.text(entry) }
    }

    /// A key with the path of a file, which may start from the folder of the configuration file.
    static func path(_ name: String, _ field: WritableKeyPath<Section, String?>) -> Self {
        Self(name) { reader, entry, section in
            let folder = reader.folder
            section[keyPath: field] = reader.text(entry).map { $0.hasPrefix("/") ? $0 : folder + $0 }
        }
    }

    /// A key with a duration longer than zero.
    static func duration(_ name: String, _ field: WritableKeyPath<Section, Duration?>) -> Self {
        Self(name) { reader, entry, section in section[keyPath: field] = reader.duration(entry) }
    }

    /// A key with a number of bytes, more than none.
    static func bytes(_ name: String, _ field: WritableKeyPath<Section, Int64?>) -> Self {
        Self(name) { reader, entry, section in section[keyPath: field] = reader.bytes(entry) }
    }

    /// A key with one of a few words.
    static func choice<Value: RawRepresentable & CaseIterable>(
        _ name: String,
        _ noun: String,
        _ field: WritableKeyPath<Section, Value?>
    ) -> Self where Value.RawValue == String {
        Self(name) { reader, entry, section in section[keyPath: field] = reader.choice(entry, noun) }
    }

    /// A key with a section of its own.
    static func section<Inner>(
        _ name: String,
        _ field: WritableKeyPath<Section, Inner>,
        _ keys: [ConfigurationKey<Inner>]
    ) -> Self {
        Self(name) { reader, entry, section in
            let entries = reader.entries(of: entry.value, path: entry.path)
            reader.read(entries, keys, into: &section[keyPath: field])
        }
    }
}
