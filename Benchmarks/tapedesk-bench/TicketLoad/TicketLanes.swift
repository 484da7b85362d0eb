import Synchronization

/// Lets one caller at a time work on a ticket; others wait for it in their order.
final class TicketLanes: Sendable {
    private struct Lane {
        var isTaken = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let lanes: Mutex<[Lane]>

    init(count: Int) {
        lanes = Mutex(Array(repeating: Lane(), count: count))
    }

    func withLane<Result: Sendable>(_ ticket: Int, _ body: () async -> Result) async -> Result {
        await enter(ticket)
        defer { leave(ticket) }
        return await body()
    }

    private func enter(_ ticket: Int) async {
        await withCheckedContinuation { continuation in
            let isFree = lanes.withLock { lanes in
                guard lanes[ticket].isTaken else {
                    lanes[ticket].isTaken = true
                    return true
                }
                lanes[ticket].waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    /// Hands the lane to who waits longest.
    private func leave(_ ticket: Int) {
        let next = lanes.withLock { lanes -> CheckedContinuation<Void, Never>? in
            if lanes[ticket].waiting.isEmpty {
                lanes[ticket].isTaken = false
                return nil
            }
            return lanes[ticket].waiting.removeFirst()
        }
        next?.resume()
    }
}
