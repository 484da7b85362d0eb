public import MongoRuntime

extension MongoConfiguration {
    /// Runs operations on a connection of their own, which is closed behind them.
    ///
    /// - Throws: `MongoError`.
    public func withBriefConnection<Value: Sendable>(
        within limit: Duration = .seconds(60),
        _ body: @Sendable (isolated MongoConnection) throws(MongoError) -> Value
    ) async throws -> Value {
        let pool = ConnectionPool(configuration: self)
        let result: Result<Value, MongoError>
        do throws(MongoError) {
            result = .success(try await pool.withConnection(deadline: .now + limit, body))
        } catch {
            result = .failure(error)
        }
        await pool.close()
        return try result.get()
    }
}
