/// Fields of the head of a request or an answer, in order; names are compared without regard to case.
public struct WebHeaders: Equatable, Sendable, ExpressibleByDictionaryLiteral {
    /// One line of a head.
    public struct Field: Equatable, Sendable {
        /// In upper and lower case as it is sent or was received.
        public var name: String
        /// Without white space around it.
        public var value: String

        /// A line with a name as it is to be sent, and a value.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }

        fileprivate func has(name: String) -> Bool { WebHeaders.isSame(self.name, name) }
    }

    /// All fields, in order; a name may come several times.
    public var fields: [Field]

    /// Fields in the order given.
    public init(_ fields: [Field] = []) { self.fields = fields }

    /// Fields in the order written.
    public init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { Field($0.0, $0.1) }
    }

    /// The first value of a field, or nil where there is none.
    ///
    /// Setting it replaces all values; nil removes them.
    public subscript(name: String) -> String? {
        get { fields.first { $0.has(name: name) }?.value }
        set {
            fields.removeAll { $0.has(name: name) }
            if let newValue { fields.append(Field(name, newValue)) }
        }
    }

    /// All values of a field, in order.
    public func all(_ name: String) -> [String] {
        fields.filter { $0.has(name: name) }.map(\.value)
    }

    /// Names are ASCII: any other byte is only equal to itself.
    private static func isSame(_ one: String, _ other: String) -> Bool {
        one.utf8.elementsEqual(other.utf8) { lowercase($0) == lowercase($1) }
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}
