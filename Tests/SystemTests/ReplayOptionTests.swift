import Foundation
import Testing

extension SystemTests {
    @Suite(.timeLimit(.minutes(1)))
    struct ReplayOptionTests {
        @Test func aLimitedReplayIsContinuedByTheNextOne() async throws {
            let whole = try await Desk()
            let sample = try await Sample.make(events: 20_000, seed: 21, in: whole.folder)
            let reference = try await whole.replay(sample)
            let expected = try await whole.exports(of: sample)

            let desk = try await Desk()
            var limits = [0, 1, 777, 5_000, 5_000, 12_345].makeIterator()
            while let limit = limits.next() {
                let arguments = ["replay", "--json"] + Sample.mapped + ["--limit", "\(limit)", sample.path]
                let document = try ReplayDocument(try await desk.start(arguments).wait())
                #expect(document.records == limit, "as many as from the beginning")
                #expect(!document.complete)
            }
            let last = try await desk.replay(sample)
            #expect(last.complete)
            #expect(last.records == reference.records)
            #expect(last.events == reference.events)
            #expect(last.stored + last.alreadyStored == reference.stored + reference.alreadyStored)
            #expect(last.gaps == reference.gaps)
            #expect(last.rejected == reference.rejected)
            #expect(last.flagged == reference.flagged)
            try await desk.expectHolds(sample)
            for (actual, wanted) in zip(try await desk.exports(of: sample), expected) { expectSame(actual, wanted) }
        }

        @Test func onlyTheNamedSymbolsAreStoredAndTheOthersCanFollow() async throws {
            let desk = try await Desk()
            let sample = try await Sample.make(events: 20_000, seed: 22, in: desk.folder)
            let symbols = sample.manifest.instruments
            let few = try await desk.replay(
                sample,
                "--only",
                symbols[0].symbol,
                symbols[5].symbol,
                "--limit",
                "1000000"
            )
            #expect(few.stored == symbols[0].events + symbols[5].events)
            #expect(few.records == sample.manifest.records)
            let none = try await desk.export("DEMO:" + symbols[1].symbol, "trade").split(separator: UInt8(ascii: "\n"))
            #expect(none.count == 1)

            let all = try await desk.replay(sample)
            #expect(all.stored == sample.manifest.events - few.stored)
            try await desk.expectHolds(sample)
        }

        @Test func dryRunNeedsNoDatabaseAndFindsTheSame() async throws {
            let desk = try await Desk()
            let sample = try await Sample.make(events: 20_000, seed: 23, in: desk.folder)
            let dry = try await desk.runAlone(["replay", "--json", "--dry-run"] + Sample.mapped + [sample.path])
            #expect(dry.code == 1)
            let would = try ReplayDocument(dry)
            let did = try await desk.replay(sample)
            #expect(would.stored == did.stored)
            #expect(would.gaps == did.gaps)
            #expect(would.rejected == did.rejected)
            #expect(would.flagged == did.flagged)
            #expect(!dry.error.contains("they are in the collection"), "nothing was written")
        }

        @Test("The same feed is stored once, however it is packed", .enabled(if: Product.hasTool("zstd"), "no zstd"))
        func packedFeedsAreTheSameFeed() async throws {
            let desk = try await Desk()
            let sample = try await Sample.make(events: 20_000, seed: 24, in: desk.folder)
            let packed = desk.folder + "/packed"
            _ = try await desk.tool("gzip", "-c", sample.path, output: packed + ".gz")
            _ = try await desk.tool("zstd", "-c", "-q", sample.path, output: packed + ".zst")
            let zipping = "import sys,zipfile; zipfile.ZipFile(sys.argv[2],'w',8).write(sys.argv[1],'feed.ndjson')"
            _ = try await desk.tool("python3", "-c", zipping, sample.path, packed + ".zip")
            var first: ReplayDocument?
            for path in [sample.path, packed + ".gz", packed + ".zst", packed + ".zip"] {
                let document = try await desk.replay(
                    "--format",
                    "ndjson",
                    "--venue",
                    "DEMO",
                    "--map",
                    Sample.map,
                    "--source",
                    "one",
                    path,
                    exits: 1
                )
                #expect(document.stored == (first == nil ? sample.manifest.events : 0), "\(path)")
                #expect(document.events == first?.events ?? document.events)
                #expect(document.bytes == first?.bytes ?? document.bytes, "counted as it is unpacked")
                first = first ?? document
            }
            for path in [sample.path, packed + ".gz", packed + ".zst"] {
                let document = try await desk.replay(
                    "--format",
                    "ndjson",
                    "--venue",
                    "DEMO",
                    "--map",
                    Sample.map,
                    "--source",
                    "piped",
                    "-",
                    input: .file(path),
                    exits: 1
                )
                #expect(document.complete)
                #expect(document.records == sample.manifest.records)
                #expect(document.stored == (path == sample.path ? sample.manifest.events : 0), "\(path)")
            }
        }

        @Test func recordsThatTrickleInAreStoredAsTheyCome() async throws {
            let desk = try await Desk()
            let sample = try await Sample.make(events: 4_000, seed: 25, in: desk.folder)
            let feed = try Data(contentsOf: URL(fileURLWithPath: sample.path))
            let replay = try desk.start(
                ["replay", "--json"] + Sample.mapped + ["--source", "live", "-"],
                input: .pipe
            )
            // More than the program looks at before it begins, and the last record is not whole.
            let middle = feed.count / 2
            try await replay.send(feed[..<middle])
            try await poll("something is stored while the pipe is open") {
                (try await desk.status()).sources.first.map { $0.records > 1_000 } ?? false
            }
            #expect(replay.isRunning)
            try await replay.send(feed[middle...])
            replay.closeInput()
            let ending = try await replay.wait()
            #expect(ending.code == 1)
            #expect(try ReplayDocument(ending).stored == sample.manifest.events)
            try await desk.expectHolds(sample)
        }

        @Test func severalFilesAreOneDocumentEach() async throws {
            let desk = try await Desk()
            let line = #"{"symbol":"X","time":1700000000,"price":"1","size":"1"}"# + "\n"
            let paths = [try desk.file("a.ndjson", line), try desk.file("b.ndjson", line + line)]
            let ending = try await desk.start(["replay", "--json"] + paths).wait()
            #expect(ending.code == 0, "\(ending.error)")
            #expect(ending.lines.count == 2)
            #expect(ending.lines.first?.hasPrefix(#"{"source":"FILE/a.ndjson""#) == true)
        }
    }
}
