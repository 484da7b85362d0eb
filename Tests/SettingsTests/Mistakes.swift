import Settings

/// The mistakes in a file, each behind its line and column.
func mistakes(_ bytes: [UInt8]) -> [String] {
    do throws(ConfigurationError) {
        _ = try ConfigurationFile.parse(bytes, file: "f.yaml")
        return []
    } catch {
        return error.mistakes.map { mistake in
            (mistake.place.map { "\($0.line):\($0.column) " } ?? "") + mistake.message
        }
    }
}

/// The mistakes in a file, each behind its line and column.
func mistakes(_ text: String) -> [String] { mistakes(Array(text.utf8)) }
