// The tables of known keys. A new section is a field of `Configuration` and a table here.

extension Configuration {
    /// The sections of the file.
    static var keys: [ConfigurationKey<Configuration>] {
        [
            .section("mongo", \.mongo, Mongo.keys), .section("tickets", \.tickets, Tickets.keys),
            .section("retention", \.retention, Retention.keys), .section("service", \.service, Service.keys),
            ConfigurationKey("http") { reader, entry, file in file.http = HTTP.readSection(&reader, entry) },
            ConfigurationKey("alerts") { reader, entry, file in file.alerts = readAlerts(&reader, entry) },
            ConfigurationKey("zones") { reader, entry, file in file.zones = Zone.readAll(&reader, entry) },
            ConfigurationKey("webhooks") { reader, entry, file in file.webhooks = Webhook.readAll(&reader, entry) },
            ConfigurationKey("sources") { reader, entry, file in
                (file.sources, file.files) = Source.readAll(&reader, entry)
            },
        ]
    }
}

extension Configuration.Mongo {
    /// The keys of the section `mongo`.
    static var keys: [ConfigurationKey<Self>] {
        [
            insteadOfOther(.text("uri", \.uri)), insteadOfOther(.path("uri_file", \.uriFile)),
            .text("database", \.database),
        ]
    }

    /// The key, with a mistake where the connection string is named in both ways.
    private static func insteadOfOther(_ key: ConfigurationKey<Self>) -> ConfigurationKey<Self> {
        ConfigurationKey(key.name) { reader, entry, section in
            key.read(&reader, entry, &section)
            guard section.uri != nil, section.uriFile != nil else { return }
            reader.report(entry.key, "'mongo.uri' and 'mongo.uri_file' exclude each other: remove one of them")
        }
    }
}

extension Configuration.Tickets {
    /// The keys of the section `tickets`.
    static var keys: [ConfigurationKey<Self>] {
        [
            .text("agent", \.agent),
            ConfigurationKey("targets") { reader, entry, section in
                let entries = reader.entries(of: entry.value, path: entry.path)
                reader.read(entries, TargetsDraft.priorities, noun: "priority", into: &section.targets)
            },
            ConfigurationKey("roles") { reader, entry, section in section.roles = readRoles(&reader, entry) },
            .choice("default_role", "role", \.defaultRole),
        ]
    }

    private static func readRoles(
        _ reader: inout ConfigurationReader,
        _ section: ConfigurationReader.Entry
    ) -> [String: Configuration.Role] {
        let mistakesBefore = reader.mistakes.count
        let entries = reader.entries(of: section.value, path: section.path)
        if entries.isEmpty, reader.mistakes.count == mistakesBefore {
            reader.report(section.key, "'tickets.roles' names nobody: add 'name: role', or remove it")
        }
        var roles: [String: Configuration.Role] = [:]
        for entry in entries { roles[entry.name] = reader.choice(entry, "role") }
        return roles
    }
}

/// The targets of one priority while they are read.
private struct TargetsDraft {
    var firstResponse: Duration?
    var resolution: Duration?

    static var keys: [ConfigurationKey<Self>] {
        [.duration("first_response", \.firstResponse), .duration("resolution", \.resolution)]
    }

    static var priorities: [ConfigurationKey<[String: Configuration.Targets]>] {
        Configuration.priorities.map { priority in
            ConfigurationKey(priority) { reader, entry, targets in targets[priority] = read(&reader, entry) }
        }
    }

    private static func read(
        _ reader: inout ConfigurationReader,
        _ section: ConfigurationReader.Entry
    ) -> Configuration.Targets? {
        guard let draft = reader.whole(section, keys, into: TargetsDraft()) else { return nil }
        guard let firstResponse = draft.firstResponse, let resolution = draft.resolution else {
            reader.report(section.key, "'\(section.path)' needs both 'first_response' and 'resolution'")
            return nil
        }
        guard firstResponse <= resolution else {
            reader.report(section.key, "'\(section.path)' has a 'resolution' that is shorter than its 'first_response'")
            return nil
        }
        return Configuration.Targets(firstResponse: firstResponse, resolution: resolution)
    }
}
