import Live
private import Synchronization

/// How fast sources are, from one look at them to the next.
///
/// Safe to use from any thread.
package final class RateMeter: Sendable {
    /// Per second.
    package struct Rates: Sendable {
        package var messages = 0.0
        package var events = 0.0
    }

    private struct Sample {
        let time: Duration
        let messages: Int
        let stored: Int
        var rates = Rates()
    }

    private let samples = Mutex<[String: Sample]>([:])

    /// A new value counts for so much: rates are smoothed over some seconds.
    private static let weight = 0.4

    package init() {}

    /// Looks at the sources; to be called every second.
    package func look(at sources: [LiveSource], now: Duration) {
        let statuses = sources.map { ($0.settings.name, $0.status) }
        samples.withLock { samples in
            var next: [String: Sample] = [:]
            for (name, status) in statuses {
                var sample = Sample(time: now, messages: status.feed.messages, stored: status.stored)
                if let last = samples[name], now > last.time {
                    let seconds = (now - last.time) / .seconds(1)
                    let messages = Double(max(0, sample.messages - last.messages)) / seconds
                    let events = Double(max(0, sample.stored - last.stored)) / seconds
                    sample.rates.messages = last.rates.messages + Self.weight * (messages - last.rates.messages)
                    sample.rates.events = last.rates.events + Self.weight * (events - last.rates.events)
                }
                next[name] = sample
            }
            samples = next
        }
    }

    /// The rates of a source; zero where it was not looked at twice.
    package func rates(of source: String) -> Rates { samples.withLock { $0[source]?.rates ?? Rates() } }
}
