import Console

/// The arguments as the system handed them over.
///
/// Swift shows them with broken UTF-8 replaced, which would store something else than was typed.
enum RawArguments {
    /// Ends the process where an argument is no UTF-8; its bytes are kept in a file.
    static func refuseBrokenText() {
        for index in 1..<max(1, Int(CommandLine.argc)) {
            guard let argument = CommandLine.unsafeArgv[index] else { return }
            let bytes = Array(UnsafeRawBufferPointer(start: argument, count: length(argument)))
            guard let offset = UTF8Fault.offset(in: bytes) else { continue }
            let unsaved = UnsavedText()
            unsaved.keep(bytes, name: "argument")
            Terminal.error("\(Terminal.program): argument \(index) is not UTF-8 at byte offset \(offset)")
            unsaved.report()
            endProcess(ExitStatus.couldNotRun)
        }
    }

    private static func length(_ text: UnsafePointer<CChar>) -> Int {
        var length = 0
        while text[length] != 0 { length += 1 }
        return length
    }
}

/// Finds what is wrong with a text that should be UTF-8.
enum UTF8Fault {
    /// The offset of the first byte that cannot be there, from 0; nil where the text is in order.
    static func offset(in bytes: [UInt8]) -> Int? {
        if bytes.allSatisfy({ $0 < 0x80 }) || String(validating: bytes, as: UTF8.self) != nil { return nil }
        var decoder = UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        var offset = 0
        while true {
            switch decoder.parseScalar(from: &iterator) {
            case .valid(let scalar): offset += scalar.count
            case .error: return offset
            case .emptyInput: return nil
            }
        }
    }
}
