import DocumentStore

/// How long leases last, and what goes with that.
package struct LeaseTiming: Equatable, Sendable {
    /// For how long a lease is given, from the time of the request on.
    package let length: Duration

    /// - Precondition: at least a second.
    package init(length: Duration) {
        precondition(length >= .seconds(1), "a lease has to outlast a pause of the network")
        self.length = length
    }

    /// How often leases are renewed, and looked at.
    package var interval: Duration { length / 4 }

    /// How much longer than its end others leave a lease alone.
    ///
    /// It covers what two readings of the server's clock may differ by: the way of an answer, and the drift of a
    /// monotonic clock since it came.
    package var margin: Duration { length / 8 }
}

/// Who takes the data of one source, and since when.
package struct Lease: Equatable, Sendable {
    /// A time with one owner.
    package struct Term: Equatable, Sendable {
        /// Greater than that of every term before.
        package let epoch: Int64
        /// The name of the instance.
        package let owner: String
        /// When it was taken: milliseconds since 1970, by the clock of the server.
        package let since: Int64
        /// Whether the owner before had given it back, with everything stored.
        package let followsRelease: Bool
    }

    package let source: String
    /// Of the document.
    package let version: Int64
    /// The latest terms, oldest first; at least one.
    package let terms: [Term]
    /// Milliseconds since 1970, by the clock of the server.
    package let expiresAt: Int64
    /// Whether the owner gave it back.
    package let isReleased: Bool

    /// The present term, or the last one.
    package var term: Term { terms[terms.count - 1] }
    package var owner: String { term.owner }
    package var epoch: Int64 { term.epoch }

    /// So many terms are kept: whoever was away for longer knows that it was, and not since when.
    static let termsMax = 16

    /// - Precondition: There is a term.
    init(source: String, version: Int64, terms: [Term], expiresAt: Int64, isReleased: Bool) {
        precondition(!terms.isEmpty, "a lease has an owner")
        self.source = source
        self.version = version
        self.terms = terms
        self.expiresAt = expiresAt
        self.isReleased = isReleased
    }

    /// Whether another instance may take it at a time of the server.
    package func isFree(at time: Int64, _ timing: LeaseTiming) -> Bool {
        isReleased || time >= expiresAt + timing.margin.milliseconds
    }

    /// When the term behind that of an epoch began, in milliseconds since 1970; nil where there is none.
    ///
    /// What its owner received before then is its owner's to store, and what it received later is its successor's.
    /// Where the terms in between are forgotten, the first that is known counts.
    package func end(ofEpoch epoch: Int64) -> Int64? {
        terms.first { $0.epoch > epoch }?.since
    }

    /// The owner of the term before the present one; nil where there was none.
    package var predecessor: String? { terms.dropLast().last?.owner }
}
