/// Why bytes are not a BSON document, or not the one that was expected.
///
/// Descriptions name fields and offsets, never values: documents hold customers' text.
public struct BSONError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What is wrong, independent of where.
    public enum Code: String, Sendable {
        case truncated
        case malformedLength = "malformed_length"
        case malformedValue = "malformed_value"
        case missingTerminator = "missing_terminator"
        case invalidUTF8 = "invalid_utf8"
        case unsupportedType = "unsupported_type"
        case nestedTooDeep = "nested_too_deep"
        case missingField = "missing_field"
        case wrongType = "wrong_type"
    }

    public let code: Code
    /// The byte offset within the document, where the bytes themselves are wrong.
    public let offset: Int?
    /// The field, where a well-formed document lacks it or holds another type.
    public let field: String?

    init(_ code: Code, offset: Int) {
        self.code = code
        self.offset = offset
        self.field = nil
    }

    public init(_ code: Code, field: String) {
        self.code = code
        self.offset = nil
        self.field = field
    }

    public var description: String {
        let place = offset.map { " at byte \($0)" } ?? field.map { " in field '\($0)'" } ?? ""
        return "BSON document is not usable: \(code.rawValue)\(place)"
    }
}
