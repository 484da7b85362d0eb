package import Alerts
import Yams

extension Configuration {
    /// Where alerts are sent to.
    package struct Webhook: Equatable, Sendable {
        /// The name, which is that of a folder as well.
        package var name: String
        /// Where to; nil where it is in a file, because the address itself is a secret.
        package var url: String?
        /// The file that the address is in; a relative path was completed with the configuration's folder.
        package var urlFile: String?
        /// The file with the secret that requests are signed with; nil for no signature.
        package var secretFile: String?
        /// The least that is sent.
        package var severity: AlertSeverity
        /// How often an alert is tried before it is given up.
        package var attempts: Int

        /// With pauses of up to five minutes: about two hours.
        package static let attemptsDefault = 30
    }
}

extension Configuration.Webhook {
    /// Reads the list `webhooks`.
    static func readAll(_ reader: inout ConfigurationReader, _ list: ConfigurationReader.Entry) -> [Self] {
        var webhooks: [Self] = []
        for element in reader.elements(of: list, example: "{ name: ops, url: https://… }") {
            guard let webhook = WebhookDraft.read(&reader, element) else { continue }
            if webhooks.contains(where: { $0.name == webhook.name }) {
                reader.report(element.key, "there is another webhook '\(webhook.name)': names tell them apart")
                continue
            }
            webhooks.append(webhook)
        }
        return webhooks
    }
}

/// A webhook while it is read.
private struct WebhookDraft {
    var name: String?
    var url: String?
    var urlFile: String?
    var secretFile: String?
    var severity: AlertSeverity?
    var attempts: Int64?

    private static var keys: [ConfigurationKey<Self>] {
        [
            ConfigurationKey("name") { reader, entry, draft in draft.name = reader.plainName(entry) },
            ConfigurationKey("url") { reader, entry, draft in
                guard let text = reader.text(entry) else { return }
                guard text.hasPrefix("https://") || text.hasPrefix("http://") else {
                    reader.report(entry.value, "'\(entry.path)' takes an address such as https://example.com/hook")
                    return
                }
                draft.url = text
            },
            .path("url_file", \.urlFile), .path("secret_file", \.secretFile),
            .choice("severity", "severity", \.severity),
            ConfigurationKey("attempts") { reader, entry, draft in
                guard let text = reader.text(entry) else { return }
                guard let count = Int64(text), (1...1_000).contains(count) else {
                    reader.report(entry.value, "'\(entry.path)' takes a whole number from 1 to 1000")
                    return
                }
                draft.attempts = count
            },
        ]
    }

    static func read(
        _ reader: inout ConfigurationReader,
        _ element: ConfigurationReader.Entry
    ) -> Configuration.Webhook? {
        guard let draft = reader.whole(element, keys, into: WebhookDraft()) else { return nil }
        guard let name = draft.name, (draft.url == nil) != (draft.urlFile == nil) else {
            reader.report(element.key, "a webhook of '\(element.path)' needs 'name', and one of 'url' and 'url_file'")
            return nil
        }
        return Configuration.Webhook(
            name: name,
            url: draft.url,
            urlFile: draft.urlFile,
            secretFile: draft.secretFile,
            severity: draft.severity ?? .info,
            attempts: draft.attempts.map { Int($0) } ?? Configuration.Webhook.attemptsDefault
        )
    }
}
