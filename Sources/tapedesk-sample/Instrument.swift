/// One made-up instrument: its spelling, its price grid, and where its random walk stands.
struct Instrument {
    let symbol: String
    /// The symbol as it goes into a line.
    let symbolBytes: [UInt8]
    let priceDecimals: Int
    let priceScale: UInt64
    let sizeDecimals: Int
    let sizeScale: UInt64
    /// Price limits of the random walk, in ticks.
    let priceRange: ClosedRange<Int64>
    /// How many binary digits the largest trade sizes have.
    let sizeBits: UInt64

    /// Price of the previous trade, in ticks.
    var price: Int64
    var nextSequence: UInt64
    var nextTradeID: UInt64
    var lastWasBuy = true

    /// Newest event time so far, in microseconds; zero before the first trade.
    var newestTime: Int64 = 0
    /// Price of the valid trade with the newest event time.
    var newestPrice: Int64 = 0
    /// Valid, distinct trades so far.
    var events = 0

    init(listing: Listing, rank: Int) {
        symbol = listing.symbol
        symbolBytes = Array(listing.symbol.utf8)
        priceDecimals = listing.priceDecimals
        priceScale = Self.powerOfTen(listing.priceDecimals)
        sizeDecimals = listing.sizeDecimals
        sizeScale = Self.powerOfTen(listing.sizeDecimals)
        price = listing.price
        priceRange = max(1, listing.price / 2)...(listing.price * 2)
        sizeBits = listing.sizeBits
        nextSequence = 1_000_000 + UInt64(rank) * 20_011
        nextTradeID = 100_000 + UInt64(rank) * 3_001
    }

    private static func powerOfTen(_ exponent: Int) -> UInt64 {
        (0..<exponent).reduce(1) { power, _ in power * 10 }
    }
}

/// What a made-up instrument starts from.
struct Listing {
    let symbol: String
    /// First price, in ticks.
    let price: Int64
    let priceDecimals: Int
    let sizeDecimals: Int
    let sizeBits: UInt64

    init(_ symbol: String, _ price: Int64, _ priceDecimals: Int, _ sizeDecimals: Int, _ sizeBits: UInt64) {
        self.symbol = symbol
        self.price = price
        self.priceDecimals = priceDecimals
        self.sizeDecimals = sizeDecimals
        self.sizeBits = sizeBits
    }

    /// The listing at a popularity rank; beyond the known ones, names are numbered.
    static func at(rank: Int) -> Self {
        if rank < known.count {
            return known[rank]
        }
        return Self("X\(rank)-USD", 1_000 + Int64(rank) * 37, 2, 4, 24)
    }

    private static let known = [
        Self("BTC-USD", 6_180_030, 2, 8, 27),
        Self("ETH-USD", 268_412, 2, 8, 30),
        Self("SOL-USD", 15_877, 2, 5, 24),
        Self("XRP-USD", 6_113, 4, 4, 30),
        Self("DOGE-USD", 104_620, 6, 1, 20),
        Self("ADA-USD", 3_437, 4, 3, 24),
        Self("AVAX-USD", 2_273, 2, 5, 25),
        Self("LINK-USD", 10_345, 3, 2, 17),
        Self("LTC-USD", 6_012, 2, 8, 32),
        Self("BCH-USD", 35_240, 2, 8, 30),
        Self("DOT-USD", 4_713, 3, 5, 26),
        Self("UNI-USD", 6_129, 3, 5, 26),
        Self("MATIC-USD", 4_218, 4, 2, 20),
        Self("ATOM-USD", 5_338, 3, 4, 22),
        Self("NEAR-USD", 3_981, 3, 3, 20),
        Self("FIL-USD", 3_564, 3, 3, 20),
        Self("APT-USD", 592, 2, 4, 22),
        Self("ARB-USD", 5_527, 4, 2, 20),
        Self("OP-USD", 1_392, 3, 2, 18),
        Self("INJ-USD", 1_744, 2, 4, 22),
        Self("AAVE-USD", 9_871, 2, 3, 18),
        Self("ALGO-USD", 1_204, 4, 0, 12),
        Self("XLM-USD", 99_104, 6, 1, 16),
        Self("ETC-USD", 1_862, 2, 5, 26),
        Self("ICP-USD", 7_311, 3, 4, 22),
        Self("HBAR-USD", 5_288, 5, 1, 16),
        Self("VET-USD", 2_104, 5, 1, 16),
        Self("SUI-USD", 8_624, 4, 1, 15),
        Self("SEI-USD", 2_748, 4, 1, 14),
        Self("TIA-USD", 4_905, 3, 2, 17),
        Self("GRT-USD", 1_443, 4, 2, 18),
        Self("SAND-USD", 2_513, 4, 2, 18),
        Self("MANA-USD", 2_677, 4, 2, 18),
        Self("CRV-USD", 2_592, 4, 2, 18),
        Self("SNX-USD", 1_316, 3, 3, 20),
        Self("MKR-USD", 196_233, 2, 6, 22),
        Self("COMP-USD", 4_317, 2, 3, 15),
        Self("YFI-USD", 496_111, 2, 6, 18),
        Self("ZEC-USD", 3_812, 2, 8, 29),
        Self("DASH-USD", 2_283, 3, 3, 16),
        Self("EOS-USD", 4_773, 4, 1, 14),
        Self("XTZ-USD", 6_604, 4, 2, 17),
        Self("ENS-USD", 1_713, 2, 3, 15),
        Self("IMX-USD", 11_204, 4, 3, 20),
        Self("LDO-USD", 1_081, 3, 2, 16),
        Self("RNDR-USD", 4_688, 3, 2, 16),
        Self("STX-USD", 15_277, 4, 2, 17),
        Self("FET-USD", 8_814, 4, 1, 14),
        Self("ROSE-USD", 5_661, 5, 1, 16),
        Self("CHZ-USD", 5_318, 5, 1, 16),
    ]
}
