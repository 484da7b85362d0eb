import MarketData

extension JSONTokenizer {
    /// Tokenizes a record that must be one JSON object.
    func object(_ record: UnsafeRawBufferPointer, depthMax: Int) throws(TicketFault) -> JSONValue {
        let tokens: JSONTokens
        do throws(JSONSyntaxError) {
            tokens = try tokenize(record.withoutByteOrderMark, depthMax: depthMax)
        } catch {
            if String(validating: record, as: UTF8.self) == nil {
                throw TicketFault(.invalidUTF8, "the record is not UTF-8")
            }
            throw TicketFault(.malformed, "the record is not JSON: \(error.message)")
        }
        guard tokens.root.form == .object else { throw TicketFault(.malformed, "the record is no JSON object") }
        return tokens.root
    }
}

extension JSONValue {
    /// The name of the field that holds the value, with its escapes resolved.
    func name() throws(TicketFault) -> String {
        guard key.contains(UInt8(ascii: "\\")) else { return String(decoding: key, as: UTF8.self) }
        var buffer: [UInt8] = []
        guard let count = JSONTokenizer.unescape(key, into: &buffer) else {
            throw TicketFault(.malformed, "the name of a field holds an escape that JSON does not have")
        }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    /// The text of a string or number, `true` or `false`; nil for null.
    func scalar(_ name: String) throws(TicketFault) -> String? {
        switch form {
        case .null: return nil
        case .yes: return "true"
        case .no: return "false"
        case .string, .number: return try resolved(name)
        case .object, .array, .unparsed:
            throw TicketFault(.malformed, "'\(name)' is no text")
        }
    }

    /// The text of a string; nil for null.
    func text(_ name: String) throws(TicketFault) -> String? {
        switch form {
        case .null: return nil
        case .string: return try resolved(name)
        default: throw TicketFault(.malformed, "'\(name)' is no text")
        }
    }

    /// The texts of an array of strings, numbers, trues and falses; nil for null.
    func texts(_ name: String) throws(TicketFault) -> [String]? {
        if form == .null { return nil }
        guard form == .array else { throw TicketFault(.malformed, "'\(name)' is no list") }
        var texts: [String] = []
        for element in elements {
            guard let text = try element.scalar(name) else {
                throw TicketFault(.malformed, "'\(name)' holds a null")
            }
            texts.append(text)
        }
        return texts
    }

    /// A time in ms since 1970 UTC; nil for null.
    func milliseconds(_ name: String) throws(TicketFault) -> Int64? {
        if form == .null { return nil }
        guard let text = scalarText, let time = Timestamp(parsing: text) else {
            throw TicketFault(.invalidTime, "'\(name)' is no time")
        }
        return time.milliseconds
    }

    private func resolved(_ name: String) throws(TicketFault) -> String {
        guard let text = string else {
            throw TicketFault(.malformed, "'\(name)' holds an escape that JSON does not have")
        }
        return text
    }
}
