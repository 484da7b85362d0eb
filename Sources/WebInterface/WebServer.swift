import Console
import Feeds
import HTTPTypes
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import JSONOutput
import Logging
import NIOCore
import NIOHTTP1
import NIOSSL
package import Service
package import Settings

/// Answers HTTP for a daemon: how it is doing, and what is handed in.
package struct WebServer: Sendable {
    private let host: String
    private let settings: Configuration.HTTP
    private let access: Access
    private let report: @Sendable () -> ServiceReport
    private let alerts: AlertStream
    private let tickets: TicketIntake

    /// Who sends nothing for so long is cut off.
    private static let idleTimeout: Duration = .seconds(60)
    private static let connectionsMax = 256
    private static let backlog = 128

    /// Nil where HTTP is not answered.
    ///
    /// - Parameters:
    ///   - report: tells how the daemon is doing.
    ///   - alerts: what those who listen to alerts are told.
    ///   - tickets: takes tickets that are handed in.
    ///   - sleep: waits; throws where the task is cancelled.
    package init?(
        _ settings: Configuration.HTTP,
        report: @escaping @Sendable () -> ServiceReport,
        alerts: AlertBoard,
        tickets: TicketIntake,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        guard let host = settings.host else { return nil }
        self.host = host
        self.settings = settings
        access = Access(tokens: settings.tokens)
        self.report = report
        self.alerts = AlertStream(board: alerts, sleep: sleep)
        self.tickets = tickets
    }

    /// Answers until the task is cancelled.
    ///
    /// - Parameter onListening: is told the port.
    /// - Throws: where the address cannot be used, or the certificate.
    package func run(onListening: @escaping @Sendable (Int) -> Void) async throws {
        let channel = HTTPServerBuilder { [alerts, access] responder in
            UpgradableChannel(
                responder: responder,
                idleTimeout: Self.idleTimeout,
                shouldUpgrade: { head in
                    let isAllowed =
                        (try? access.requireReading(authorization: head.headers.first(name: "Authorization"))) != nil
                    return URI(head.uri).path == "/alerts" && isAllowed
                },
                serve: { channel, target in
                    await alerts.serve(channel, after: URI(target).queryParameters.get("after"))
                }
            )
        }
        var logger = Logger(label: "tapedesk.http", factory: { _ in SwiftLogNoOpLogHandler() })
        logger.logLevel = .critical
        let application = Application(
            router: router,
            server: try secured(channel),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: settings.port),
                backlog: Self.backlog,
                availableConnectionsDelegate: MaximumAvailableConnections(Self.connectionsMax)
            ),
            onServerRunning: { channel in onListening(channel.localAddress?.port ?? 0) },
            logger: logger
        )
        do {
            try await application.run()
        } catch let error as IOError {
            let reason = InputError.reason(errno: error.errnoCode)
            throw Unusable("'http.listen': \(host):\(settings.port) cannot be used: \(reason)")
        }
    }

    /// What of the settings cannot be used.
    package struct Unusable: Error, CustomStringConvertible {
        package let description: String

        init(_ description: String) {
            self.description = description
        }
    }

    private func secured(_ server: HTTPServerBuilder) throws -> HTTPServerBuilder {
        guard let certificate = settings.certificate, let keyFile = settings.key else { return server }
        let chain: [NIOSSLCertificate]
        let key: NIOSSLPrivateKey
        do {
            chain = try NIOSSLCertificate.fromPEMFile(certificate)
            key = try NIOSSLPrivateKey(file: keyFile, format: .pem)
        } catch {
            throw Unusable(
                "'http.certificate' or 'http.key' cannot be read: \(certificate) and \(keyFile) have "
                    + "to be PEM files that this user may read"
            )
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        configuration.minimumTLSVersion = .tlsv12
        return try .tls(server, tlsConfiguration: configuration)
    }

    private var router: Router<BasicRequestContext> {
        let router = Router()
        router.add(middleware: PlainErrors())
        router.get("healthz") { _, _ in Self.text("alive\n") }
        router.get("readyz") { _, _ in Self.readiness(report()) }
        router.get("metrics") { request, _ in
            try access.requireReading(request)
            return Self.answer(ServiceMetrics.text(report()), "text/plain; version=0.0.4; charset=utf-8")
        }
        router.get("status") { request, _ in
            try access.requireReading(request)
            let wantsText = request.headers[.accept]?.hasPrefix("text/plain") ?? false
            return wantsText
                ? Self.text(ServiceDashboard.text(report())) : Self.json(ServiceStatus.json(report()))
        }
        router.get("alerts") { request, _ in
            try access.requireReading(request)
            return try alerts.answer(request)
        }
        router.post("ingest/tickets") { request, _ in
            let token = try access.requireIngest(request)
            return try await tickets.take(request, from: token.name)
        }
        return router
    }

    private static func readiness(_ report: ServiceReport) -> Response {
        let isReady = report.health == .running || report.health == .degraded
        let document = JSONText.object([
            ("status", .string(isReady && report.health == .running ? "ready" : report.health.rawValue)),
            ("reasons", .array(report.reasons.map { .string($0) })),
        ])
        return json(document, isReady ? .ok : .serviceUnavailable)
    }

    static func json(_ document: JSONText, _ status: HTTPResponse.Status = .ok) -> Response {
        var bytes: [UInt8] = []
        document.append(to: &bytes)
        bytes.append(UInt8(ascii: "\n"))
        return answer(bytes, "application/json", status)
    }

    static func text(_ text: String, _ status: HTTPResponse.Status = .ok) -> Response {
        answer(Array(text.utf8), "text/plain; charset=utf-8", status)
    }

    private static func answer(
        _ bytes: [UInt8],
        _ type: String,
        _ status: HTTPResponse.Status = .ok
    ) -> Response {
        Response(
            status: status,
            headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
        )
    }
}

/// Answers errors as one line of plain text.
private struct PlainErrors: RouterMiddleware {
    typealias Context = BasicRequestContext

    func handle(
        _ request: Request,
        context: BasicRequestContext,
        next: (Request, BasicRequestContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError {
            var response = WebServer.text((error.body ?? error.status.reasonPhrase) + "\n", error.status)
            for field in error.headers where field.name != .contentType { response.headers[field.name] = field.value }
            return response
        }
    }
}
