import MarketData
package import TickCodec

// The state that a checkpoint keeps: small, versioned, and read back with every length checked.
extension Sequencer {
    /// Version 2 did not know holes of takeovers.
    private static let stateVersion: UInt8 = 3
    private static let stateVersionsRead: ClosedRange<UInt8> = 2...3
    private static let namesMax: UInt64 = 1 << 24

    func encodeState() -> [UInt8] {
        var writer = ByteWriter()
        writer.append(Self.stateVersion)
        let followed = streams.entries.prefix(Self.followedMax)
        writer.append(variable: UInt64(followed.count))
        for (name, tracker) in followed {
            writer.append(text: name)
            tracker.encode(into: &writer)
        }
        let compared = lanes.entries.prefix(Self.followedMax)
        writer.append(variable: UInt64(compared.count))
        for (instrument, lane) in compared {
            writer.append(text: instrument.description)
            writer.append(lane.referencePrice.mantissa)
            writer.append(lane.referencePrice.exponent)
            writer.append(lane.offMarketRun)
        }
        return writer.bytes
    }

    /// Takes up the state of a checkpoint.
    ///
    /// - Throws: `BlockError` where the bytes are not a state that this version wrote.
    package mutating func restore(_ state: [UInt8]) throws(BlockError) {
        let result = state.withUnsafeBytes { bytes in
            Result<Sequencer, BlockError> { () throws(BlockError) in
                var reader = ByteReader(bytes)
                var copy = self
                try copy.restore(&reader)
                return copy
            }
        }
        self = try result.get()
    }

    /// Notes that the state is that of another instance, which may store more of what it received.
    mutating func takeOver() {
        for index in streams.values.indices { streams.values[index].takeOver() }
    }

    private mutating func restore(_ reader: inout ByteReader) throws(BlockError) {
        let version: UInt8 = try reader.read()
        guard Self.stateVersionsRead.contains(version) else { throw BlockError(.unknownVersion) }
        for _ in 0..<(try Self.count(&reader)) {
            let name = try reader.readText()
            let tracker = try SequenceTracker(decoding: &reader, hasTakeovers: version >= 3)
            _ = streams.index(of: name) { tracker }
        }
        for _ in 0..<(try Self.count(&reader)) {
            let name = try reader.readText()
            let mantissa: Int64 = try reader.read()
            let exponent: Int8 = try reader.read()
            let run: UInt8 = try reader.read()
            guard let instrument = Instrument(parsing: name) else { throw BlockError(.malformedColumn) }
            _ = lanes.index(of: instrument) {
                Lane(referencePrice: ExactDecimal(mantissa: mantissa, exponent: exponent), offMarketRun: run)
            }
        }
        guard reader.remaining == 0 else { throw BlockError(.malformedColumn) }
    }

    private static func count(_ reader: inout ByteReader) throws(BlockError) -> UInt64 {
        let count = try reader.readVariable()
        guard count <= namesMax else { throw BlockError(.malformedColumn) }
        return count
    }
}

extension ByteWriter {
    fileprivate mutating func append(text: String) {
        append(variable: UInt64(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }
}

extension ByteReader {
    fileprivate mutating func readText() throws(BlockError) -> String {
        let count = try readVariable()
        guard count <= UInt64(remaining) else { throw BlockError(.truncated) }
        return String(decoding: try take(Int(count)), as: UTF8.self)
    }
}
