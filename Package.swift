// swift-tools-version: 6.2
import PackageDescription

/// `make test` tests the release build: programs and tests are built once, and thousands of seeds are simulated, which
/// takes ten times as long otherwise.
let testable: [SwiftSetting] =
    Context.environment["TAPEDESK_TESTABLE"] == nil
    ? [] : [.unsafeFlags(["-enable-testing"], .when(configuration: .release))]

/// Settings of every Swift target: Swift 6 language mode, strict imports, and no warning left standing.
let strict: [SwiftSetting] =
    testable + [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .treatAllWarnings(as: .error),
    ]

/// Settings of tests whose own work is little: what is tested is optimised, and they are compiled in a third of the time.
let plain: [SwiftSetting] = strict + [.unsafeFlags(["-Onone"], .when(configuration: .release))]

let package = Package(
    name: "tapedesk",
    products: [
        .executable(name: "tapedesk", targets: ["tapedesk"]),
        .executable(name: "ticket", targets: ["ticket"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // The C edge: system libraries, and the little that Swift cannot call itself.
        .systemLibrary(
            name: "CLibMongoC",
            pkgConfig: "libmongoc-1.0",
            providers: [.apt(["libmongoc-dev", "libbson-dev"])]
        ),
        .systemLibrary(name: "CLibCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLibCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .target(name: "CMongoShims", dependencies: ["CLibMongoC"]),
        .target(
            name: "CSimdJSON",
            cxxSettings: [.unsafeFlags(["-O3"])],
            linkerSettings: [.linkedLibrary("simdjson")]
        ),
        .target(name: "CChecksum"),
        .target(name: "CCurlShims", dependencies: ["CLibCurl"]),

        // Storage.
        .target(name: "BSON", swiftSettings: strict),
        .target(
            name: "MongoRuntime",
            dependencies: ["BSON", "CLibMongoC", "CMongoShims"],
            swiftSettings: strict
        ),
        .target(name: "DocumentStore", dependencies: ["BSON"], swiftSettings: strict),
        .target(name: "SimulatedStore", dependencies: ["BSON", "DocumentStore"], swiftSettings: strict),
        .target(name: "Sharding", dependencies: ["BSON", "DocumentStore"], swiftSettings: strict),
        .target(
            name: "MongoStore",
            dependencies: ["BSON", "DocumentStore", "MongoRuntime", "Sharding"],
            swiftSettings: strict
        ),

        .target(name: "Records", dependencies: ["BSON", "DocumentStore"], swiftSettings: strict),
        .target(name: "JSONOutput", swiftSettings: strict),
        .target(name: "Digests", dependencies: ["CLibCrypto"], swiftSettings: strict),
        .target(name: "Leases", dependencies: ["BSON", "Digests", "DocumentStore"], swiftSettings: strict),

        // The domain: no server, no clock, no randomness of its own.
        .target(name: "MarketData", swiftSettings: strict),
        .target(name: "TickCodec", dependencies: ["CChecksum", "MarketData"], swiftSettings: strict),
        .target(
            name: "Feeds",
            dependencies: ["CChecksum", "CSimdJSON", "CZlib", "CZstd", "MarketData"],
            swiftSettings: strict
        ),
        .target(
            name: "TickStore",
            dependencies: ["BSON", "CChecksum", "CZstd", "DocumentStore", "MarketData", "Records", "TickCodec"],
            swiftSettings: strict
        ),
        .target(
            name: "Tickets",
            dependencies: ["BSON", "Digests", "DocumentStore", "Records"],
            swiftSettings: strict
        ),
        .target(
            name: "Ingest",
            dependencies: [
                "BSON", "DocumentStore", "Feeds", "MarketData", "Records", "TickCodec", "TickStore", "Tickets",
            ],
            swiftSettings: strict
        ),

        // Rules over what comes in, and requests to others.
        .target(name: "Alerts", dependencies: ["JSONOutput", "MarketData"], swiftSettings: strict),
        .target(name: "WebClient", dependencies: ["CCurlShims", "CLibCurl"], swiftSettings: strict),

        // Live sources: their tapes, and the connections that they are recorded from.
        .target(
            name: "Live",
            dependencies: [
                "Feeds", "MarketData", "WebClient",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict
        ),

        .target(
            name: "Service",
            dependencies: [
                "Alerts", "BSON", "Digests", "DocumentStore", "Feeds", "Ingest", "Leases", "Live", "MarketData",
                "Records", "TickStore", "Tickets", "WebClient",
            ],
            swiftSettings: strict
        ),

        // What both programs share, and what agents see.
        .target(
            name: "Settings",
            dependencies: [
                "Alerts", "MarketData", .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "Console",
            dependencies: [
                "Settings", "DocumentStore", "MongoRuntime", "MongoStore", "Sharding", "Tickets",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "TicketViews",
            dependencies: ["BSON", "Console", "JSONOutput", "Tickets"],
            swiftSettings: strict
        ),

        // What the daemon answers over HTTP.
        .target(
            name: "WebInterface",
            dependencies: [
                "Alerts", "Console", "JSONOutput", "Digests", "DocumentStore", "Feeds", "Ingest", "Live", "MarketData",
                "Service",
                "Settings",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: strict
        ),

        // Executables: arguments and wiring.
        .executableTarget(
            name: "tapedesk",
            dependencies: [
                "Alerts", "BSON", "Settings", "Console", "JSONOutput", "DocumentStore", "Feeds", "Ingest", "Leases",
                "Live", "MarketData", "MongoRuntime", "MongoStore", "Records", "Service", "Sharding", "TickCodec",
                "TickStore",
                "Tickets", "WebClient",
                "WebInterface",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "ticket",
            dependencies: [
                "BSON", "Settings", "Console", "JSONOutput", "DocumentStore", "MongoStore", "TicketViews", "Tickets",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "tapedesk-sample",
            dependencies: [
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "tapedesk-bench",
            dependencies: [
                "BSON", "Settings", "Console", "JSONOutput", "DocumentStore", "Feeds", "Ingest", "MarketData",
                "MongoRuntime",
                "MongoStore", "Records", "TickCodec", "TickStore", "Tickets",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Benchmarks/tapedesk-bench",
            swiftSettings: strict
        ),

        // Tests.
        .target(
            name: "TestSupport",
            dependencies: [
                "BSON", "DocumentStore", "MongoRuntime",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ],
            path: "Tests/TestSupport",
            swiftSettings: strict
        ),
        .testTarget(
            name: "MongoRuntimeTests",
            dependencies: ["BSON", "DocumentStore", "MongoRuntime", "MongoStore", "TestSupport"],
            swiftSettings: plain
        ),
        .testTarget(name: "ShardingTests", dependencies: ["BSON", "DocumentStore", "Sharding"], swiftSettings: plain),
        .testTarget(name: "BSONTests", dependencies: ["BSON", "SimulatedStore"], swiftSettings: plain),
        .testTarget(
            name: "DocumentStoreTests",
            dependencies: ["BSON", "DocumentStore", "SimulatedStore", "TestSupport"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LeasesTests",
            dependencies: ["DocumentStore", "Leases", "SimulatedStore"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "FeedsTests",
            dependencies: ["CZlib", "CZstd", "Feeds", "MarketData"],
            swiftSettings: plain
        ),
        .testTarget(
            name: "LiveTests",
            dependencies: [
                "Feeds", "Live", "MarketData", "TestSupport",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: plain
        ),
        .testTarget(
            name: "ServiceTests",
            dependencies: [
                "Alerts", "BSON", "Console", "JSONOutput", "Digests", "DocumentStore", "Feeds", "Ingest", "Leases",
                "Live", "MarketData", "Records", "Service", "Settings", "SimulatedStore", "TestSupport", "WebClient",
                "WebInterface",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: plain
        ),
        .testTarget(
            name: "StoreConformanceTests",
            dependencies: ["BSON", "DocumentStore", "MongoStore", "SimulatedStore", "TestSupport"],
            swiftSettings: plain
        ),
        .testTarget(
            name: "IngestTests",
            dependencies: [
                "BSON", "DocumentStore", "Feeds", "Ingest", "MarketData", "Records", "SimulatedStore", "TickCodec",
                "TickStore", "Tickets",
            ],
            swiftSettings: plain
        ),
        .testTarget(
            name: "SimulationTests",
            dependencies: [
                "BSON", "DocumentStore", "Feeds", "Ingest", "MarketData", "Records", "SimulatedStore", "TickCodec",
                "TickStore", "Tickets",
            ],
            swiftSettings: strict
        ),
        .testTarget(name: "AlertsTests", dependencies: ["Alerts", "MarketData"], swiftSettings: plain),
        .testTarget(name: "WebClientTests", dependencies: ["TestSupport", "WebClient"], swiftSettings: plain),
        .testTarget(name: "MarketDataTests", dependencies: ["Feeds", "MarketData"], swiftSettings: strict),
        .testTarget(
            name: "TickCodecTests",
            dependencies: ["CChecksum", "MarketData", "SimulatedStore", "TickCodec"],
            exclude: ["Decoder"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "TickStoreTests",
            dependencies: ["BSON", "DocumentStore", "MarketData", "SimulatedStore", "TickCodec", "TickStore"],
            swiftSettings: plain
        ),
        .testTarget(
            name: "TicketsTests",
            dependencies: [
                "BSON", "Digests", "DocumentStore", "MongoStore", "Records", "SimulatedStore", "TestSupport", "Tickets",
            ],
            exclude: ["Oracles"],
            swiftSettings: plain
        ),
        .testTarget(
            name: "TicketViewsTests",
            dependencies: ["BSON", "Console", "JSONOutput", "TicketViews", "Tickets"],
            swiftSettings: plain
        ),
        .testTarget(name: "SettingsTests", dependencies: ["Settings"], swiftSettings: plain),
        .testTarget(name: "TidyTests", swiftSettings: plain),
        // Runs the built programs: it links nothing of what it tests, but for documents to look at servers with.
        .testTarget(
            name: "SystemTests",
            dependencies: ["BSON", "TestSupport"],
            exclude: ["Oracles"],
            swiftSettings: plain
        ),
    ],
    cxxLanguageStandard: .cxx17
)
