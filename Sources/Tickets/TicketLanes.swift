import Synchronization

/// Lets one save at a time work on a ticket within this process; others wait in the order in which they came.
///
/// Savers that collide in MongoDB do their work in vain, and the more of them there are the less gets done. Nobody
/// waits for longer than their deadline and one operation: whoever is ahead came earlier, and gives up earlier.
final class TicketLanes: Sendable {
    /// Those who wait, by ticket; a ticket that is there has somebody at work on it.
    private let waiting = Mutex<[String: [CheckedContinuation<Void, Never>]]>([:])

    func withLane<Result>(
        _ ticket: String,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (_ hasWaited: Bool) async throws -> Result
    ) async throws -> Result {
        let hasWaited = await enter(ticket)
        defer { leave(ticket) }
        return try await body(hasWaited)
    }

    /// Answers whether somebody else was at work.
    private func enter(_ ticket: String, isolation: isolated (any Actor)? = #isolation) async -> Bool {
        let isFree = waiting.withLock { waiting in
            guard waiting[ticket] == nil else { return false }
            waiting[ticket] = []
            return true
        }
        guard !isFree else { return false }
        await withCheckedContinuation { continuation in
            let isFree = waiting.withLock { waiting in
                guard waiting[ticket] == nil else {
                    waiting[ticket]?.append(continuation)
                    return false
                }
                waiting[ticket] = []
                return true
            }
            if isFree { continuation.resume() }
        }
        return true
    }

    /// Hands the lane to who waits longest.
    private func leave(_ ticket: String) {
        let next = waiting.withLock { waiting -> CheckedContinuation<Void, Never>? in
            guard let queue = waiting[ticket], !queue.isEmpty else {
                waiting[ticket] = nil
                return nil
            }
            return waiting[ticket]?.removeFirst()
        }
        next?.resume()
    }
}
