import BSON
import SimulatedStore
import Testing

@testable import Tickets

@Suite struct TicketInputTests {
    private func code(_ text: String) -> TicketError.Code? {
        do throws(TicketError) {
            _ = try TicketInput.assignment(text)
            return nil
        } catch {
            return error.code
        }
    }

    @Test(
        arguments: [
            ("subject=Printer on fire", "subject", "Printer on fire"),
            ("subject=a=b", "subject", "a=b"),
            ("subject=日本語 👩‍👩‍👧", "subject", "日本語 👩‍👩‍👧"),
            ("subject=می\u{200C}خواهم", "subject", "می\u{200C}خواهم"),
            ("status=on_hold", "status", "on_hold"),
            ("priority=urgent", "priority", "urgent"),
            ("priority=", "priority", nil),
            ("assignee=alice", "assignee", "alice"),
            ("assignee=", "assignee", nil),
            ("group=", "group", nil),
            ("description=two\nlines\tand a tab", "description", "two\nlines\tand a tab"),
            ("description=", "description", nil),
            ("requester=Jo@Example.COM", "requester", "jo@example.com"),
            ("custom.category=network", "custom.category", "network"),
            ("custom.category=", "custom.category", nil),
        ] as [(String, String, String?)]
    )
    func assignmentIsTaken(text: String, field: String, value: String?) throws {
        let assignment = try TicketInput.assignment(text)
        #expect(assignment.field.name == field)
        #expect(assignment.value == .text(value))
    }

    @Test(arguments: [
        ("subject", TicketError.Code.unknownField), ("", .unknownField), ("=x", .unknownField),
        ("colour=red", .unknownField), ("Subject=x", .unknownField), ("custom.=x", .unknownField),
        ("custom.A=x", .unknownField), ("custom.a.b=x", .unknownField), ("custom.a$=x", .unknownField),
        ("version=3", .unknownField), ("comment=x", .unknownField), ("merged_into=3", .unknownField),
        ("events=x", .unknownField), ("created_at=x", .unknownField),
        ("subject=", .invalidValue), ("subject=  \t ", .invalidValue), ("subject=two\nlines", .invalidValue),
        ("status=done", .invalidValue), ("status=", .invalidValue), ("status=Open", .invalidValue),
        ("priority=highest", .invalidValue), ("requester=", .invalidValue), ("requester=jo", .invalidValue),
        ("requester=jo@", .invalidValue), ("requester=@x", .invalidValue), ("requester=a@b@c", .invalidValue),
        ("requester=jo @x", .invalidValue), ("assignee=a\u{1B}[31m", .invalidValue),
    ])
    func assignmentIsRefused(text: String, code: TicketError.Code) {
        #expect(self.code(text) == code, "\(text.printable)")
    }

    /// What steers a terminal or hides in a line is refused in every one-line field.
    @Test func controlCharactersAreRefused() {
        let characters: [Unicode.Scalar] = [
            "\0", "\u{7}", "\n", "\r", "\u{1B}", "\u{7F}", "\u{85}", "\u{9B}", "\u{200B}", "\u{202E}", "\u{2028}",
            "\u{2029}", "\u{FEFF}", "\u{E0001}",
        ]
        for scalar in characters {
            for field in ["subject", "assignee", "group", "custom.a"] {
                #expect(code("\(field)=a\(scalar)b") == .invalidValue, "U+\(String(scalar.value, radix: 16))")
            }
            #expect(code("requester=a\(scalar)@b") == .invalidValue)
            #expect(throws: TicketError.self) { try TicketInput.tag("a\(scalar)b") }
        }
    }

    @Test func errorsAreFitForATerminalAndHoldNoValues() throws {
        for text in ["\u{1B}[2J=x", "status=se\u{1B}cret", "subject=sec\u{1B}ret", "requester=secret"] {
            let error = #expect(throws: TicketError.self) { try TicketInput.assignment(text) }
            let message = try #require(error).message
            #expect(!message.unicodeScalars.contains { $0.value < 32 })
            #expect(!message.contains("ret"))
        }
    }

    @Test func limitsAreInBytes() throws {
        let limits: [(String, Int)] = [
            ("subject", TicketLimits.subjectBytesMax), ("assignee", TicketLimits.nameBytesMax),
            ("description", TicketLimits.textBytesMax),
        ]
        for (field, limit) in limits {
            #expect(code("\(field)=" + String(repeating: "a", count: limit)) == nil)
            #expect(code("\(field)=" + String(repeating: "a", count: limit + 1)) == .tooLarge)
            #expect(code("\(field)=" + String(repeating: "é", count: limit / 2 + 1)) == .tooLarge)
        }
        #expect(try TicketInput.text("") == "")
        #expect(throws: TicketError.self) {
            try TicketInput.text(String(repeating: "x", count: TicketLimits.textBytesMax + 1))
        }
    }

    @Test func tagsAreWordsOnceEach() throws {
        #expect(try TicketInput.value("a, b  a,c", of: .tags) == ["a", "b", "c"])
        #expect(try TicketInput.value("", of: .tags) == [])
        #expect(throws: TicketError.self) { try TicketInput.tag("") }
        #expect(throws: TicketError.self) { try TicketInput.tag("a b") }
        #expect(throws: TicketError.self) { try TicketInput.tag("a,b") }
        let hundred = (1...TicketLimits.tagCountMax).map { "t\($0)" }.joined(separator: ",")
        #expect(try TicketInput.value(hundred, of: .tags).array?.count == TicketLimits.tagCountMax)
        #expect(throws: TicketError.self) { try TicketInput.value(hundred + ",one-more", of: .tags) }
    }

    @Test func namesAreNotEmpty() throws {
        #expect(try TicketInput.name("alice", of: .assignee) == "alice")
        #expect(throws: TicketError.self) { try TicketInput.name("", of: .assignee) }
    }

    /// Whatever is typed: an error, or a value that is taken again as it is.
    @Test func takenValuesAreStable() throws {
        for seed in Seeds.list(1...400) {
            var random = SplitMix64(seed: seed)
            let field = random.pick(TicketField.known)
            let text = RandomText.any(&random)
            guard let value = try? TicketInput.value(text, of: field) else { continue }
            let again = value.strings?.joined(separator: ",") ?? value.string ?? ""
            #expect(try TicketInput.value(again, of: field) == value, "seed \(seed)")
        }
    }
}

/// Texts as people and programs make them, and worse ones.
enum RandomText {
    private static let pieces = [
        "printer", "PRINTER", "Straße", "naïve", "e\u{301}", "日本語", "한국어", "مرحبا", "👩‍👩‍👧", " ", "\n", "\t", ",",
        ".", "'", "\"", "\u{1B}[0m", "\0", "\u{202E}", "a@b.example", "@", "=", "open", "urgent", "42", "x", "ﬁ", "İ",
        "\r\n",
    ]

    static func any(_ random: inout SplitMix64) -> String {
        (0..<random.nextIndex(below: 6)).map { _ in random.pick(pieces) }.joined()
    }

    /// A text without NUL and of at least one letter.
    static func line(_ random: inout SplitMix64) -> String {
        "t" + any(&random).filter { !$0.isNewline && $0 != "\0" }
    }
}
