/// Something that the daemon takes data from.
package protocol ServiceSource: AnyObject, Sendable {
    /// Unique among the sources.
    var name: String { get }
    /// What does the work: the source itself, where it does not do it by another.
    var present: any ServiceSource { get }
    /// Whether it has begun as it should.
    var isStarted: Bool { get }
    /// What is missing, in plain words.
    var troubles: [String] { get }

    /// Works until it was told to end, and what it took is stored, or it is cancelled.
    func run() async throws
    /// Lets it end.
    func end()
    /// Lets it end at once: what is not stored stays where it is.
    func abandon()
    /// Whether everything that it took is stored, once it has ended.
    var hasStoredAll: Bool { get }
    /// Whether another one would do the same.
    func isSame(as other: any ServiceSource) -> Bool
}

extension ServiceSource {
    package func abandon() { end() }
    /// Whoever reads files has them still.
    package var hasStoredAll: Bool { true }
    package var present: any ServiceSource { self }
}
