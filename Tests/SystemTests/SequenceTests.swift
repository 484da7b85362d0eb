import Foundation
import Testing

extension SystemTests {
    /// What repeats, is missing, or comes again, in a feed whose records are numbered.
    @Suite(.timeLimit(.minutes(1)))
    struct SequenceTests {
        private func line(_ sequence: Int, time: Int = 1_700_000_000, price: String = "10") -> String {
            #"{"s":"X","t":\#(time),"p":"\#(price)","q":"1","n":\#(sequence)}"# + "\n"
        }

        private func replay(_ lines: [String], on desk: Desk, exits code: Int32 = 0) async throws -> ReplayDocument {
            let path = try desk.file("feed.ndjson", lines.joined())
            return try await desk.replay(
                "--format",
                "ndjson",
                "--map",
                "symbol=s,time=t,price=p,size=q,sequence=n",
                path,
                exits: code
            )
        }

        @Test("A record that was refused and comes again as it should be is stored, even at the same time")
        func refusedRecordThatComesAgainIsStored() async throws {
            let desk = try await Desk()
            let lines = [line(1), line(2, price: "0"), line(2), line(3)]
            let document = try await replay(lines, on: desk, exits: 1)
            #expect(document.stored == 3)
            #expect(document.rejected == ["price_not_positive": 1])
            #expect(document.flagged.isEmpty)
            #expect(document.gaps.isEmpty)
        }

        @Test func brokenRepetitionDoesNotMakeRoomForASecondCopy() async throws {
            let desk = try await Desk()
            let lines = [line(1), line(2), line(2, price: "0"), line(2), line(3)]
            let document = try await replay(lines, on: desk, exits: 1)
            #expect(document.stored == 3)
            #expect(document.alreadyStored == 1)
        }

        @Test func missingNumbersAreOneGapUntilTheyArrive() async throws {
            let desk = try await Desk()
            let document = try await replay([line(1), line(5), line(3), line(6)], on: desk)
            #expect(document.stored == 4)
            #expect(document.gaps.map(\.missing) == [2])
            #expect(document.gaps.map(\.after) == [1])
            #expect(document.gaps.map(\.before) == [5])
            let filled = try await Desk()
            let other = try await replay([line(1), line(4), line(3), line(2), line(5)], on: filled)
            #expect(other.gaps.isEmpty)
            let status = try await filled.status()
            #expect(status.gaps.open == 0)
        }

        @Test func numberingThatStartsAgainIsFlaggedNotDropped() async throws {
            let desk = try await Desk()
            let document = try await replay([line(100), line(101), line(1, time: 1_700_000_005), line(2)], on: desk)
            #expect(document.stored == 4)
            #expect(document.flagged["sequence_reset"] == 1)
        }
    }
}
