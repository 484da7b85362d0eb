import Foundation
import Testing

extension SystemTests {
    /// Files that are not as they should be: a clear message, the right exit code, and nothing lost.
    @Suite(.timeLimit(.minutes(1)))
    struct BadInputTests {
        private static let map = "symbol=s,time=t,price=p,size=q,sequence=n"

        private func lines(_ range: ClosedRange<Int>) -> String {
            range.map { #"{"s":"X","t":\#(1_700_000_000 + $0),"p":"1.5","q":"2","n":\#($0)}"# + "\n" }.joined()
        }

        private func replay(_ path: String, on desk: Desk, _ more: String...) async throws -> Ending {
            let arguments = ["replay", "--json", "--format", "ndjson", "--map", Self.map, "--source", "s"] + more
            return try await desk.start(arguments + [path]).wait()
        }

        /// A replay that could not run: exit code 2, one line that says why, nothing that looks like a summary.
        private func expectRefused(_ ending: Ending, _ reasons: String..., at place: SourceLocation = #_sourceLocation)
        {
            #expect(ending.code == 2, "\(ending.error)", sourceLocation: place)
            #expect(ending.output.isEmpty, "\(ending.text)", sourceLocation: place)
            let last = ending.error.split(separator: "\n").last ?? ""
            #expect(last.hasPrefix("tapedesk: "), "\(ending.error)", sourceLocation: place)
            for reason in reasons { #expect(last.contains(reason), "\(last)", sourceLocation: place) }
        }

        @Test func filesThatAreNoRecordingsAreRefusedByName() async throws {
            let desk = try await Desk()
            expectRefused(try await desk.run("replay", "--json", "/no/such/file"), "/no/such/file", "No such file")
            expectRefused(try await desk.run("replay", "--json", desk.folder), desk.folder, "directory")
            let empty = try desk.file("empty", "")
            expectRefused(try await desk.run("replay", "--json", empty), empty, "empty")
            var random = SeededGenerator(seed: 9)
            let garbage = try desk.file(
                "garbage",
                Data((0..<100_000).map { _ in UInt8.random(in: 0...255, using: &random) })
            )
            expectRefused(try await desk.run("replay", "--json", garbage), "garbage", "--format")
            let broken = try desk.file("broken.zip", Data([0x50, 0x4B, 3, 4]) + Data(repeating: 7, count: 5_000))
            expectRefused(try await desk.run("replay", "--json", broken), broken, "zip")
            #expect(try await desk.status().sources.isEmpty)
        }

        @Test func anUnreadableZipIsRefused() async throws {
            let desk = try await Desk()
            let good = try desk.file("good.ndjson", lines(1...5_000))
            let zipping = "import sys,zipfile; zipfile.ZipFile(sys.argv[2],'w',8).write(sys.argv[1],'f.ndjson')"
            let zip = desk.folder + "/f.zip"
            _ = try await desk.tool("python3", "-c", zipping, good, zip)
            let whole = try Data(contentsOf: URL(fileURLWithPath: zip))
            let cut = try desk.file("cut.zip", whole.prefix(whole.count / 2))
            expectRefused(try await replay(cut, on: desk), cut)
        }

        @Test(arguments: ["gzip", "zstd"])
        func compressedFileThatEndsEarlyGivesWhatItHasAndIsTakenUpAgain(_ tool: String) async throws {
            guard Product.hasTool(tool) else { return }
            let desk = try await Desk()
            let good = try desk.file("good.ndjson", lines(1...300_000))
            let whole = try await desk.tool(tool, "-c", good)
            let cut = try desk.file("cut", whole.prefix(whole.count * 2 / 3))
            let early = try await replay(cut, on: desk)
            #expect(early.code == 1)
            #expect(early.error.contains("tapedesk: \(cut)"), "\(early.error)")
            let document = try ReplayDocument(early)
            #expect(!document.complete)
            #expect(document.rejected.isEmpty, "what is missing is no fault of a record")
            #expect(document.stored > 100_000)
            #expect(try await desk.verifyClean().events == document.stored)

            let packed = try desk.file("whole", whole)
            let rest = try ReplayDocument(try await replay(packed, on: desk))
            #expect(rest.complete)
            #expect(rest.records == 300_000)
            #expect(rest.stored == 300_000 - document.stored)
            #expect(try await desk.verifyClean().events == 300_000)
        }

        @Test func fileThatEndsInTheMiddleOfARecordIsTakenUpWhereItBroke() async throws {
            let whole = try await Desk()
            let text = Data(lines(1...1_000).utf8)
            let everything = try await replay(try whole.file("f", text), on: whole)
            #expect(everything.code == 0)
            let expected = try await whole.export("FILE:X", "trade")

            let desk = try await Desk()
            for cut in [text.count / 3, text.count / 3 + 20, text.count - 10] {
                let ending = try await replay(try desk.file("f", text.prefix(cut)), on: desk)
                #expect(ending.code == 1)
                #expect(ending.error.contains("in the middle of a record"), "\(ending.error)")
                let document = try ReplayDocument(ending)
                #expect(!document.complete)
                #expect(ending.error.contains("line \(document.records + 1),"), "\(ending.error)")
                #expect(document.rejected.isEmpty)
            }
            let last = try await replay(try desk.file("f", text), on: desk)
            #expect(last.code == 0, "\(last.error)")
            #expect(try ReplayDocument(last).records == 1_000)
            expectSame(try await desk.export("FILE:X", "trade"), expected)
            try await desk.verifyClean()
        }

        @Test(arguments: ["\n", "", "\r\n"])
        func lastLineCountsWhateverItsEnd(_ lineEnd: String) async throws {
            let desk = try await Desk()
            let text = lines(1...10).dropLast().replacing("\n", with: lineEnd == "\r\n" ? "\r\n" : "\n") + lineEnd
            let document = try ReplayDocument(try await replay(try desk.file("f", String(text)), on: desk))
            #expect(document.records == 10)
            #expect(document.stored == 10)
            #expect(document.complete)
        }

        @Test("A record of 100 MB is refused, its neighbours are not, and memory stays bounded")
        func hugeRecordIsRefusedAlone() async throws {
            let desk = try await Desk()
            var content = Data(lines(1...100).utf8)
            content += Data(#"{"s":"X","t":1700000100,"p":"1","q":"1","x":""#.utf8)
            content += Data(repeating: UInt8(ascii: "x"), count: 100_000_000)
            content += Data("\"}\n".utf8)
            content += Data(lines(101...200).utf8)
            let path = try desk.file("huge", content)
            let ending = try await replay(path, on: desk)
            #expect(ending.code == 1)
            let document = try ReplayDocument(ending)
            #expect(document.rejected == ["record_too_large": 1])
            #expect(document.records == 201)
            #expect(document.stored == 200)
            #expect(document.complete)
            #expect(ending.error.contains("line 101"), "\(ending.error)")
            #expect(ending.memoryMax < 256 << 20, "\(ending.memoryMax / 1_000_000) MB")
            try await desk.verifyClean()
        }

        @Test func brokenRecordsAreKeptWithLineAndRuleAndStopNothing() async throws {
            let desk = try await Desk()
            let text =
                lines(1...3) + "garbage\n\u{0}\u{1}\n[1,2]\n" + #"{"s":"X","t":"no time","p":"1","q":"1"}"# + "\n"
                + #"{"s":"X","t":"1700002000","p":"1e999","q":"1"}"# + "\n" + lines(4...6)
            let ending = try await replay(try desk.file("f", text), on: desk)
            #expect(ending.code == 1)
            let document = try ReplayDocument(ending)
            #expect(document.stored == 6)
            #expect(document.rejectedTotal == 5)
            #expect(document.records == 11)
            for line in 4...8 { #expect(ending.error.contains("line \(line): "), "\(ending.error)") }
            #expect(try await desk.status().collections["rejects"]?.documents == 5)
            // Once more: what was refused is not kept twice.
            _ = try await replay(try desk.file("f", text), on: desk, "--from-start")
            #expect(try await desk.status().collections["rejects"]?.documents == 5)
        }

        @Test func aMappingThatDoesNotFitIsExplained() async throws {
            let desk = try await Desk()
            let path = try desk.file("f", lines(1...3))
            let words = ["replay", "--json", "--format", "ndjson", path, "--map"]
            expectRefused(try await desk.start(words + ["nonsense"]).wait(), "nonsense")
            expectRefused(try await desk.start(words + ["colour=s,time=t"]).wait(), "colour")
            let wrong = try await desk.start(words + ["symbol=nothing,time=t,price=p,size=q"]).wait()
            #expect(wrong.code == 1 || wrong.code == 2)
            #expect(wrong.error.contains("nothing") || wrong.error.contains("symbol"), "\(wrong.error)")
        }

        @Test func anotherFileUnderTheSameSourceNameIsRefused() async throws {
            let desk = try await Desk()
            #expect(try await replay(try desk.file("f", lines(1...10)), on: desk).code == 0)
            let before = try await desk.export("FILE:X", "trade")
            expectRefused(try await replay(try desk.file("f", lines(50...70)), on: desk), "another tape", "--source")
            expectSame(try await desk.export("FILE:X", "trade"), before)
            // The same file, grown, is the same.
            let grown = try ReplayDocument(try await replay(try desk.file("f", lines(1...15)), on: desk))
            #expect(grown.stored == 5)
            #expect(grown.complete)
        }
    }
}
