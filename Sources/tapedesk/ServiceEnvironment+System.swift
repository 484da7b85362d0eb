import Console
import DocumentStore
import Glibc
import Live
import MarketData
import NIOCore
import NIOPosix
import NIOSSL
import Service
import WebClient

extension ServiceEnvironment {
    /// The real clocks, chance, network and certificates.
    ///
    /// - Throws: where the certificates of the system cannot be read.
    static func system(log: ServiceLog = ServiceLog(.text)) throws -> ServiceEnvironment {
        let retry = RetryEnvironment.system
        let client = RestClient(
            client: try WebClient(),
            timeOfDay: { .nanoseconds(timeOfDay().nanoseconds) },
            sleep: retry.sleep
        )
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        return ServiceEnvironment(
            retry: retry,
            connections: FeedConnection.Environment(
                group: MultiThreadedEventLoopGroup(numberOfThreads: 1),
                tls: try NIOSSLContext(configuration: tls),
                chance: retry.random,
                sleep: retry.sleep
            ),
            polling: Poller.Environment(
                client: client,
                now: timeOfDay,
                uptime: retry.now,
                chance: retry.random,
                sleep: retry.sleep
            ),
            now: Self.timeOfDay,
            tapeID: { UInt64.random(in: 1 ... .max) },
            log: { log.write($0, at: timeOfDay()) }
        )
    }

    private static func timeOfDay() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}
