import Foundation
import Testing

extension SystemTests {
    @Suite(.timeLimit(.minutes(1)))
    struct FirstSessionTests {
        @Test func faultsOfAGeneratedFeedAreAllFoundAndCounted() async throws {
            let desk = try await Desk()
            let sample = try await Sample.make(events: 200_000, seed: 3, in: desk.folder)
            let manifest = sample.manifest
            #expect(manifest.instruments.count == 20)
            let document = try await desk.replay(sample)
            #expect(document.format == "ndjson")
            #expect(document.records == manifest.records)
            #expect(document.stored == manifest.events)
            #expect(document.alreadyStored == manifest.duplicates)
            #expect(document.rejected == manifest.rejected)
            #expect(document.gaps.count == manifest.gaps)
            #expect(document.missing == manifest.missing)
            #expect(document.gaps.allSatisfy { $0.before - $0.after - 1 == $0.missing })
            #expect(document.flagged == ["out_of_order": manifest.late])
            #expect(document.complete)
            try await desk.expectHolds(sample)

            for instrument in manifest.instruments {
                let rows = try await desk.export("DEMO:" + instrument.symbol, "trade").split(
                    separator: UInt8(ascii: "\n")
                )
                #expect(rows.count - 1 == instrument.events)
            }
        }

        @Test func aSecondReplayFindsEverythingThere() async throws {
            let desk = try await Desk()
            let sample = try await Sample.make(events: 20_000, seed: 4, in: desk.folder)
            let first = try await desk.replay(sample)
            for options in [[], ["--from-start"]] {
                let arguments = ["replay", "--json"] + Sample.mapped + options + [sample.path]
                let second = try ReplayDocument(try await desk.start(arguments).wait())
                #expect(second.stored == 0)
                #expect(second.alreadyStored == first.stored + first.alreadyStored)
                #expect(second.events == first.events)
                #expect(second.rejected == first.rejected)
                #expect(second.gaps == first.gaps)
                #expect(second.flagged == first.flagged)
                try await desk.expectHolds(sample)
            }
        }

        @Test func theSummaryForPeopleNamesInstrumentsAndLastPrices() async throws {
            let desk = try await Desk()
            let sample = try await Sample.make(events: 5_000, seed: 5, in: desk.folder)
            let ending = try await desk.start(["replay"] + Sample.mapped + [sample.path]).wait()
            #expect(ending.code == 1)
            for instrument in sample.manifest.instruments {
                let row = ending.lines.first { $0.contains("DEMO:" + instrument.symbol) }
                #expect(row?.hasSuffix("  " + decimalText(instrument.lastPrice)) == true, "\(row ?? "no row")")
            }
            #expect(ending.error.contains("records were rejected"))
        }

        private func decimalText(_ text: String) -> String {
            guard text.contains(".") else { return text }
            var text = text
            while text.hasSuffix("0") { text.removeLast() }
            if text.hasSuffix(".") { text.removeLast() }
            return text
        }
    }
}
