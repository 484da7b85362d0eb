/// Something that the daemon takes data from.
package protocol ServiceSource: AnyObject, Sendable {
    /// Unique among the sources.
    var name: String { get }
    /// Whether it has begun as it should.
    var isStarted: Bool { get }
    /// What is missing, in plain words.
    var troubles: [String] { get }

    /// Works until it was told to end, and what it took is stored, or it is cancelled.
    func run() async throws
    /// Lets it end.
    func end()
    /// Whether another one would do the same.
    func isSame(as other: any ServiceSource) -> Bool
}
