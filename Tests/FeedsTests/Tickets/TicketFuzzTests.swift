import MarketData
import Testing

@testable import Feeds

/// Damaged and cut feeds of every format.
@Suite("Damaged ticket feeds")
struct TicketFuzzTests {
    /// Bytes that mean something to one of the formats, and some that never belong there.
    private static let alphabet = Array("{}[]\",:\\/\n\r0129-?;eutn \u{0}\u{7F}é".utf8) + [0xFF]

    private static func mutate(_ text: [UInt8], _ random: inout TicketGenerator) -> [UInt8] {
        var text = text
        for _ in 0..<Int.random(in: 1...4, using: &random) where !text.isEmpty {
            let place = Int.random(in: 0..<text.count, using: &random)
            let length = Int.random(in: 0...20, using: &random)
            let other = min(place + length, text.count)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: text[place] = alphabet.randomElement(using: &random) ?? 0
            case 1: text.insert(alphabet.randomElement(using: &random) ?? 0, at: place)
            case 2: text.remove(at: place)
            case 3: text.removeSubrange(place..<other)
            default: text.insert(contentsOf: text[place..<other], at: place)
            }
        }
        return text
    }

    /// The places behind the records of a sample, the header included.
    private static func ends(_ sample: TicketSamples.Sample) -> [Int] {
        let bytes = Array(sample.text.utf8)
        return bytes.withUnsafeBytes { bytes in
            var ends: [Int] = [0]
            while let end = ends.last, end < bytes.count {
                ends.append(end + sample.format.firstRecord(in: .init(rebasing: bytes[end...])).byteCount)
            }
            return ends
        }
    }

    @Test("Every record of a damaged feed is a frame or rejected, however it is cut into slabs", arguments: 0..<4)
    func mutations(index: Int) throws {
        let sample = try TicketSamples.all()[index]
        let original = Array(sample.text.utf8)
        var random = TicketGenerator(state: UInt64(index))
        var frames = 0
        var rejected = 0
        for round in 0..<1_500 {
            let bytes = Self.mutate(original, &random)
            let whole = try decodeTickets(bytes, as: sample.format)
            let slabBytes = [1, 16, 90, 300][round % 4]
            try decodeTickets(bytes, as: sample.format, slabBytes: slabBytes).expectSame(whole, "round \(round)")
            try decodeTickets(bytes, as: sample.format, recordsPerSlab: 1).expectSame(whole, "round \(round)")
            #expect(whole.bytes == Int64(bytes.count))
            frames += whole.frames.count
            rejected += whole.rejected.count
        }
        // The damage reaches the records, and most of them are not hit.
        #expect(frames > 1_500 && rejected > 500)
    }

    @Test("Damage of one record leaves the records before it and nearly all behind it", arguments: 0..<4)
    func damageIsLocal(index: Int) throws {
        let sample = try TicketSamples.all()[index]
        let bytes = Array(sample.text.utf8)
        let isTable = sample.format.name.hasSuffix("csv")
        let header = isTable ? Array(bytes.prefix { $0 != 0x0A }) + [0x0A] : []
        let closing = Array("]\n".utf8)
        let body =
            index == 3
            ? Array(bytes.dropFirst(2).dropLast(3)) + Array(",\n".utf8) : Array(bytes.dropFirst(header.count))
        let opening = index == 3 ? Array("[\n".utf8) : header
        var random = TicketGenerator(state: 77)
        let copies = 20
        let all = try decodeTickets(bytes, as: sample.format).frames.count
        for round in 0..<400 {
            var feed = opening
            for copy in 0..<copies { feed += copy == 10 ? Self.mutate(body, &random) : body }
            if index == 3 { feed += closing }
            let decoded = try decodeTickets(feed, as: sample.format)
            // Up to four hits in the three records of one copy, and at most one record behind each.
            #expect(decoded.frames.count >= (copies - 1) * all - 2, "round \(round)")
        }
    }

    @Test("A feed that is cut anywhere gives the records before the cut, and says that it was cut", arguments: 0..<4)
    func truncation(index: Int) throws {
        let sample = try TicketSamples.all()[index]
        let bytes = Array(sample.text.utf8)
        let whole = try decodeTickets(bytes, as: sample.format)
        let ends = Self.ends(sample)
        // The format was made from a whole header.
        let start = sample.format.name.hasSuffix("csv") ? (bytes.firstIndex(of: 0x0A) ?? 0) + 1 : 1
        for count in start..<bytes.count {
            let decoded = try decodeTickets(Array(bytes.prefix(count)), as: sample.format)
            #expect(decoded.bytes == Int64(count))
            // Nothing is rejected: either the last record is whole, or the rest of it may still come.
            #expect(decoded.rules.allSatisfy { $0 == .unknownStatus || $0 == .invalidTime }, "cut at \(count)")
            let common = min(decoded.frames.count, whole.frames.count)
            #expect(decoded.frames.count <= whole.frames.count)
            #expect(decoded.frames.dropLast() == whole.frames.prefix(max(0, common - 1)), "cut at \(count)")
            if ends.contains(count) { #expect(decoded.truncated == nil, "cut at \(count)") }
        }
    }
}
