import BSON

/// What a command asks for, without the values: which fields of which collection it compares how.
///
/// From it follows, with the shard key of the collection, whether a router sends the command to the shards that have
/// the documents or to all of them.
struct CommandShape: Hashable, Sendable {
    /// The command as the server calls it; for an aggregation that begins with a stage other than `$match`, the name of
    /// that stage.
    let command: String
    let collection: String
    /// The operators by field, `=` for equality; for an insertion the fields of the document, each equal to its value.
    private(set) var filter: [String: Set<String>] = [:]

    private init(_ command: String, _ collection: String) {
        self.command = command
        self.collection = collection
    }

    /// The shapes of a command, each once; none where it is no command about documents.
    static func all(in document: BSONDocument, named name: String) -> Set<CommandShape> {
        guard let collection = document[name]?.string else { return [] }
        let query = { (field: String) in
            [CommandShape(name, collection).comparing(document[field]?.document ?? [:])]
        }
        let statements = { (list: String) in
            (document[list]?.array ?? []).compactMap { $0.document?["q"]?.document }
                .map { CommandShape(name, collection).comparing($0) }
        }
        let shapes: [CommandShape] =
            switch name {
            case "find": query("filter")
            case "count", "distinct", "findAndModify": query("query")
            case "update": statements("updates")
            case "delete": statements("deletes")
            case "insert":
                (document["documents"]?.array ?? []).compactMap(\.document)
                    .map { CommandShape(name, collection).holding($0) }
            case "aggregate": [aggregation(document["pipeline"]?.array?.first?.document, collection)]
            default: []
            }
        return Set(shapes)
    }

    private static func aggregation(_ stage: BSONDocument?, _ collection: String) -> CommandShape {
        guard let (name, value) = stage?.fields.first else { return CommandShape("aggregate", collection) }
        guard name == "$match" else { return CommandShape(name, collection) }
        return CommandShape("aggregate", collection).comparing(value.document ?? [:])
    }

    private func holding(_ document: BSONDocument) -> CommandShape {
        var shape = self
        for field in document.keys { shape.filter[field, default: []].insert("=") }
        return shape
    }

    private func comparing(_ filter: BSONDocument) -> CommandShape {
        var shape = self
        for (field, value) in filter.fields {
            if field == "$and" {
                for part in (value.array ?? []).compactMap(\.document) { shape = shape.comparing(part) }
                continue
            }
            shape.filter[field, default: []].formUnion(Self.operators(value))
        }
        return shape
    }

    private static func operators(_ value: BSONValue) -> [String] {
        guard let fields = value.document?.fields, fields.first?.key.hasPrefix("$") == true else { return ["="] }
        return fields.map { $0.key == "$eq" ? "=" : $0.key }
    }

    /// The shape as one line of JSON, the same whenever shapes are equal.
    var line: String {
        let fields = filter.sorted { $0.key < $1.key }.map { field, operators in
            "\(Self.quoted(field)):[\(operators.sorted().map(Self.quoted).joined(separator: ","))]"
        }
        return "{\"command\":\(Self.quoted(command)),\"collection\":\(Self.quoted(collection)),"
            + "\"filter\":{\(fields.joined(separator: ","))}}"
    }

    /// Names of commands and fields are the programs' own; what would end the text is left out all the same.
    private static func quoted(_ name: String) -> String {
        "\""
            + String(
                String.UnicodeScalarView(
                    name.unicodeScalars.filter { $0.value >= 0x20 && !"\"\\".unicodeScalars.contains($0) }
                )
            ) + "\""
    }
}
