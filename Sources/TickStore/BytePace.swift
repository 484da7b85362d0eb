public import DocumentStore

/// How much a job in the background takes in, so that others are not disturbed.
public struct BytePace: Sendable {
    /// At most so many bytes of documents per second.
    public let bytesPerSecond: Int
    private let environment: RetryEnvironment

    /// - Precondition: At least a byte.
    public init(bytesPerSecond: Int, environment: RetryEnvironment) {
        precondition(bytesPerSecond > 0, "a pace is not nothing")
        self.bytesPerSecond = bytesPerSecond
        self.environment = environment
    }

    /// Waits as long as reading so much may take.
    ///
    /// - Throws: `StoreError` of code `closed` where the task was cancelled.
    func wait(afterReading bytes: Int) async throws(StoreError) {
        do {
            try await environment.sleep(.seconds(Double(bytes) / Double(bytesPerSecond)))
        } catch {
            throw StoreError(.closed, "the job was cancelled")
        }
    }
}
