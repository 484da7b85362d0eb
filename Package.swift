// swift-tools-version: 6.2
import PackageDescription

/// `make test` optimises what it tests: thousands of seeds are simulated, which takes ten times as long otherwise.
let optimized: [SwiftSetting] =
    Context.environment["TAPEDESK_OPTIMIZED_TESTS"] == nil ? [] : [.unsafeFlags(["-O"], .when(configuration: .debug))]

/// Settings of every Swift target: Swift 6 language mode, strict imports, and no warning left standing.
let strict: [SwiftSetting] =
    optimized + [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .treatAllWarnings(as: .error),
    ]

/// Of the domain, which tests spend their time in.
let domain: [SwiftSetting] = strict + optimized

let package = Package(
    name: "tapedesk",
    products: [
        .executable(name: "tapedesk", targets: ["tapedesk"]),
        .executable(name: "ticket", targets: ["ticket"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
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
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .target(name: "CMongoShims", dependencies: ["CLibMongoC"]),
        .target(
            name: "CSimdJSON",
            cxxSettings: [.unsafeFlags(["-O3"])],
            linkerSettings: [.linkedLibrary("simdjson")]
        ),
        .target(name: "CChecksum"),

        // Storage.
        .target(name: "BSON", swiftSettings: domain),
        .target(
            name: "MongoRuntime",
            dependencies: ["BSON", "CLibMongoC", "CMongoShims"],
            swiftSettings: strict
        ),
        .target(name: "DocumentStore", dependencies: ["BSON"], swiftSettings: domain),
        .target(name: "SimulatedStore", dependencies: ["BSON", "DocumentStore"], swiftSettings: domain),
        .target(
            name: "MongoStore",
            dependencies: ["BSON", "DocumentStore", "MongoRuntime"],
            swiftSettings: strict
        ),

        .target(name: "Records", dependencies: ["BSON", "DocumentStore"], swiftSettings: domain),

        // The domain: no server, no clock, no randomness of its own.
        .target(name: "MarketData", swiftSettings: domain),
        .target(name: "TickCodec", dependencies: ["CChecksum", "MarketData"], swiftSettings: domain),
        .target(
            name: "Feeds",
            dependencies: ["CChecksum", "CSimdJSON", "CZlib", "CZstd", "MarketData"],
            swiftSettings: domain
        ),
        .target(
            name: "TickStore",
            dependencies: ["BSON", "CChecksum", "CZstd", "DocumentStore", "MarketData", "Records", "TickCodec"],
            swiftSettings: domain
        ),
        .target(
            name: "Tickets",
            dependencies: ["BSON", "CLibCrypto", "DocumentStore", "Records"],
            swiftSettings: domain
        ),
        .target(
            name: "Ingest",
            dependencies: [
                "BSON", "DocumentStore", "Feeds", "MarketData", "Records", "TickCodec", "TickStore", "Tickets",
            ],
            swiftSettings: domain
        ),

        // Live sources: their tapes, and the connections that they are recorded from.
        .target(
            name: "Live",
            dependencies: [
                "Feeds", "MarketData",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: domain
        ),

        .target(
            name: "Service",
            dependencies: ["DocumentStore", "Feeds", "Ingest", "Live", "MarketData", "TickStore"],
            swiftSettings: strict
        ),

        // What both programs share, and what agents see.
        .target(
            name: "Configuration",
            dependencies: [.product(name: "Yams", package: "Yams")],
            swiftSettings: strict
        ),
        .target(
            name: "Console",
            dependencies: [
                "Configuration", "DocumentStore", "MongoRuntime", "MongoStore", "Tickets",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "TicketViews",
            dependencies: ["BSON", "Console", "Tickets"],
            swiftSettings: strict
        ),

        // Executables: arguments and wiring.
        .executableTarget(
            name: "tapedesk",
            dependencies: [
                "BSON", "Configuration", "Console", "DocumentStore", "Feeds", "Ingest", "Live", "MarketData",
                "MongoRuntime", "MongoStore", "Records", "Service", "TickCodec", "TickStore", "Tickets",
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
                "BSON", "Configuration", "Console", "DocumentStore", "MongoStore", "TicketViews", "Tickets",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "tapedesk-sample",
            dependencies: [.product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "tapedesk-bench",
            dependencies: [
                "BSON", "Configuration", "Console", "DocumentStore", "Feeds", "Ingest", "MarketData", "MongoRuntime",
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
                "BSON", "MongoRuntime",
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
            swiftSettings: strict
        ),
        .testTarget(name: "BSONTests", dependencies: ["BSON", "SimulatedStore"], swiftSettings: strict),
        .testTarget(
            name: "DocumentStoreTests",
            dependencies: ["BSON", "DocumentStore", "SimulatedStore"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "FeedsTests",
            dependencies: ["CZlib", "CZstd", "Feeds", "MarketData"],
            swiftSettings: strict
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
            swiftSettings: strict
        ),
        .testTarget(
            name: "StoreConformanceTests",
            dependencies: ["BSON", "DocumentStore", "MongoStore", "SimulatedStore", "TestSupport"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "IngestTests",
            dependencies: [
                "BSON", "DocumentStore", "Feeds", "Ingest", "MarketData", "Records", "SimulatedStore", "TickCodec",
                "TickStore", "Tickets",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "SimulationTests",
            dependencies: [
                "BSON", "DocumentStore", "Feeds", "Ingest", "MarketData", "Records", "SimulatedStore", "TickCodec",
                "TickStore", "Tickets",
            ],
            swiftSettings: strict
        ),
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
            swiftSettings: strict
        ),
        .testTarget(
            name: "TicketsTests",
            dependencies: [
                "BSON", "DocumentStore", "MongoStore", "Records", "SimulatedStore", "TestSupport", "Tickets",
            ],
            exclude: ["Oracles"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "TicketViewsTests",
            dependencies: ["BSON", "Console", "TicketViews", "Tickets"],
            swiftSettings: strict
        ),
        .testTarget(name: "ConfigurationTests", dependencies: ["Configuration"], swiftSettings: strict),
        .testTarget(name: "TidyTests", swiftSettings: strict),
        // Runs the built programs: it links nothing of what it tests.
        .testTarget(
            name: "SystemTests",
            dependencies: ["TestSupport"],
            exclude: ["Oracles"],
            swiftSettings: strict
        ),
    ],
    cxxLanguageStandard: .cxx17
)
