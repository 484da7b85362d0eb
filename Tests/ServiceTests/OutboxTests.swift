import Dispatch
import Foundation
import Testing

@testable import Service

@Suite(.timeLimit(.minutes(10))) struct OutboxTests {
    private let folder = ServiceFolder()

    private func open() throws -> Outbox { try Outbox(folder: folder.path) }

    private func put(_ texts: [String], into outbox: Outbox) throws {
        for text in texts { try outbox.put(Array(text.utf8)) }
    }

    /// Takes everything out, in order.
    private func takeAll(_ outbox: Outbox) throws -> [String] {
        var texts: [String] = []
        while let letter = try outbox.first() {
            texts.append(String(decoding: letter.bytes, as: UTF8.self))
            try outbox.remove(letter)
        }
        return texts
    }

    @Test func lettersComeOutInTheOrderInWhichTheyCameIn() throws {
        let outbox = try open()
        let texts = (0..<25).map { "letter \($0)" }
        try put(texts, into: outbox)
        #expect(outbox.count == 25)
        #expect(try takeAll(outbox) == texts)
        #expect(outbox.count == 0 && folder.names() == ["dead"])
    }

    @Test func aLetterStaysUntilItIsRemoved() throws {
        let outbox = try open()
        try put(["a", "b"], into: outbox)
        let first = try #require(try outbox.first())
        #expect(try outbox.first() == first)
        try outbox.remove(first)
        try outbox.remove(first)
        #expect(try takeAll(outbox) == ["b"])
    }

    @Test func longAndEmptyLettersAreWhole() throws {
        let outbox = try open()
        let long = String(repeating: "x", count: 100_000) + "end"
        try put([long, "", "short"], into: outbox)
        #expect(try takeAll(outbox) == [long, "", "short"])
    }

    @Test func aNewInstanceGoesOnWithWhatWaited() throws {
        let before = try open()
        try put(["a", "b", "c"], into: before)
        try before.remove(try #require(try before.first()))
        let after = try open()
        try put(["d"], into: after)
        #expect(after.count == 3)
        #expect(try takeAll(after) == ["b", "c", "d"])
        #expect(try open().count == 0)
    }

    @Test func draftsThatWereNotFinishedAreNoLetters() throws {
        let outbox = try open()
        try put(["whole"], into: outbox)
        try folder.write(Array("tor".utf8), to: ".00000000000000000002.json")
        try folder.write([], to: "note.txt")
        let after = try open()
        #expect(after.count == 1)
        // The next letter takes the place of the draft.
        try put(["next"], into: after)
        #expect(try takeAll(after) == ["whole", "next"])
    }

    @Test func whatIsGivenUpIsKeptForPeople() throws {
        let outbox = try open()
        try put(["bad", "good"], into: outbox)
        let letter = try #require(try outbox.first())
        try outbox.bury(letter)
        #expect(folder.names(in: "dead") == [letter.name])
        let kept = try Data(contentsOf: URL(filePath: "\(folder.path)/dead/\(letter.name)"))
        #expect(kept == Data("bad".utf8))
        #expect(try takeAll(outbox) == ["good"])
        #expect(try open().count == 0)
    }

    @Test func whatIsGivenUpAfterARestartDoesNotReplaceWhatWasBefore() throws {
        for text in ["first", "second"] {
            let outbox = try open()
            try put([text], into: outbox)
            try outbox.bury(try #require(try outbox.first()))
        }
        #expect(folder.names(in: "dead").count == 2)
    }

    @Test func aFileOfAnotherNameDoesNotMakeNumbersBeginAnew() throws {
        let before = try open()
        try put(["a", "b"], into: before)
        try folder.write(Array("c".utf8), to: "by-hand.json")
        let after = try open()
        try put(["d"], into: after)
        #expect(try Set(takeAll(after)) == ["a", "b", "c", "d"])
    }

    @Test func putsOfManyThreadsAreAllKept() throws {
        let outbox = try open()
        let failures = Collected<String>()
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for number in 0..<20 {
                do { try outbox.put(Array("\(thread) \(number)".utf8)) } catch { failures.add("\(error)") }
            }
        }
        #expect(failures.all.isEmpty && outbox.count == 160)
        let texts = try takeAll(try open())
        #expect(Set(texts).count == 160)
        for thread in 0..<8 {
            let own = texts.filter { $0.hasPrefix("\(thread) ") }
            #expect(own == (0..<20).map { "\(thread) \($0)" })
        }
    }

    @Test func beyondItsBoundItTakesNoMore() throws {
        _ = try open()
        for number in 1...100_000 {
            let digits = String(number)
            let name = String(repeating: "0", count: 20 - digits.count) + digits + ".json"
            #expect(FileManager.default.createFile(atPath: "\(folder.path)/\(name)", contents: nil))
        }
        let outbox = try open()
        let failure = #expect(throws: Outbox.Failure.self) { try put(["more"], into: outbox) }
        #expect(failure?.description.contains(folder.path) == true && failure?.description.contains("100000") == true)
        #expect(outbox.count == 100_000)
        try outbox.remove(try #require(try outbox.first()))
        try put(["more"], into: outbox)
        #expect(outbox.count == 100_000)
    }

    @Test func whatCannotBeUsedIsNamed() throws {
        try folder.make()
        try folder.write([], to: "file")
        for path in ["\(folder.path)/file", "\(folder.path)/file/box", "\(folder.path)/none/box"] {
            let failure = #expect(throws: Outbox.Failure.self) { try Outbox(folder: path) }
            #expect(failure?.description.hasPrefix(path) == true)
        }
    }

    @Test func aLetterThatCannotBeReadIsNamed() throws {
        let outbox = try open()
        try put(["a"], into: outbox)
        let name = try #require(try outbox.first()).name
        try FileManager.default.removeItem(atPath: "\(folder.path)/\(name)")
        try FileManager.default.createDirectory(
            atPath: "\(folder.path)/\(name)",
            withIntermediateDirectories: false
        )
        let failure = #expect(throws: Outbox.Failure.self) { try outbox.first() }
        #expect(failure?.description.hasPrefix("\(folder.path)/\(name): ") == true)
    }

    @Test func aDiskThatTakesNoLetterSaysSoAndKeepsNothing() throws {
        let outbox = try open()
        try FileManager.default.removeItem(atPath: folder.path)
        let failure = #expect(throws: Outbox.Failure.self) { try put(["a"], into: outbox) }
        #expect(failure?.description.contains(folder.path) == true)
        #expect(outbox.count == 0)
    }
}
