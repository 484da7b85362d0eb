import BSON
import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// `init`, ingest and `status` on a cluster of two shards.
    @Suite(.timeLimit(.minutes(5)))
    struct ShardingTests {
        /// A desk at the cluster that tests share, with the names of its shards.
        private struct Stand {
            let cluster: LocalCluster
            let desk: Desk
            let shards: [String]

            static func make() async throws -> Stand {
                let cluster = try await LocalCluster.shared()
                let shards = try await cluster.documents("config", "shards").compactMap { $0["_id"]?.string }
                return Stand(cluster: cluster, desk: try Desk(uri: cluster.uri), shards: shards.sorted())
            }

            /// The keys of the database's collections, as one would type them.
            func keys() async throws -> [String: BSONDocument] {
                let entries = try await cluster.documents("config", "collections")
                let own = entries.filter { $0["_id"]?.string?.hasPrefix(desk.database + ".") == true }
                return Dictionary(
                    own.compactMap { entry in
                        guard let name = entry["_id"]?.string, let key = entry["key"]?.document else { return nil }
                        return (String(name.dropFirst(desk.database.count + 1)), key)
                    }
                ) { $1 }
            }

            /// The ranges of a collection that belong to zones.
            func ranges(_ collection: String) async throws -> [BSONDocument] {
                try await cluster.documents("config", "tags", where: ["ns": .string("\(desk.database).\(collection)")])
            }

            /// Which shards have documents that match, by asking each of them.
            func holders(_ collection: String, _ filter: BSONDocument) async throws -> [String] {
                var holders: [String] = []
                for server in try await cluster.servers() where server.role == "shard" {
                    let found = try await cluster.documents(desk.database, collection, where: filter, port: server.port)
                    if !found.isEmpty { holders.append(server.name) }
                }
                return holders
            }

            func steps(_ ending: Ending) throws -> [JSON] { try JSON(ending.text)["steps"]?.elements ?? [] }

            /// Writes trades of instruments of several venues, and replays them.
            func replay(_ venue: String) async throws {
                let lines = (0..<200).map { number in
                    let time = 1_700_000_000_000 + number
                    return #"{"time": \#(time), "symbol": "S\#(number % 10)", "price": "1.5", "size": "2"}"#
                }
                let file = try desk.file("\(venue).ndjson", lines.joined(separator: "\n") + "\n")
                let ending = try await desk.run("replay", "--format", "ndjson", "--venue", venue, file)
                #expect(ending.code == 0, "\(ending.error)")
            }
        }

        private func zones(_ stand: Stand) throws -> String {
            try stand.desk.file(
                "zones.yaml",
                """
                zones:
                  eu: { shards: [\(stand.shards[0])], venues: [KRAKEN], tickets: true }
                  asia: { shards: [\(stand.shards[1])], venues: [BYBIT], instruments: ["KRAKEN:S7"] }

                """
            )
        }

        @Test func initShardsByTheKeysOfTheDesignAndIsIdempotent() async throws {
            let stand = try await Stand.make()
            let plan = try await stand.desk.run("init", "--plan", "--json")
            #expect(plan.code == 0, "\(plan.error)")
            #expect(try await stand.keys().isEmpty, "the plan changed something")
            let done = try await stand.desk.run("init", "--json")
            #expect(done.code == 0, "\(done.error)")
            #expect(try stand.steps(plan) == stand.steps(done))
            #expect(try JSON(done.text)["sharded"] == .bool(true))
            // Also what the check of broadcasts goes by.
            let keys = try await stand.keys()
            #expect(Set(keys.keys) == Set(KnownBroadcasts.shardKeys.keys))
            for (name, field) in KnownBroadcasts.shardKeys {
                #expect(keys[name] == BSONDocument([(field, "hashed")]), "\(name)")
            }
            let again = try await stand.desk.run("init", "--json")
            #expect(again.code == 0, "\(again.error)")
            #expect(try stand.steps(again).isEmpty)
            #expect(try await stand.desk.run("init", "--plan").text.contains("There is nothing to do."))
        }

        @Test func dataIsOnAllShardsFromTheFirstOn() async throws {
            let stand = try await Stand.make()
            #expect(try await stand.desk.run("init").code == 0)
            try await stand.replay("DEMO")
            #expect(try await stand.holders("market_data", [:]) == stand.shards)
            try await stand.desk.verifyClean()
            let status = try await stand.desk.run("status", "--json")
            #expect(status.code == 0, "\(status.error)")
            let sharding = try JSON(status.text)["sharding"]
            #expect(sharding?["shards"]?.elements.compactMap { $0["name"] } == stand.shards.map(JSON.string))
            for shard in stand.shards {
                let share = sharding?["collections"]?["market_data"]?["shards"]?[shard]
                #expect(share?["chunks"] == .number(8))
                #expect(share?["data_bytes"] != .number(0))
            }
            #expect(sharding?["hottest"]?.elements.count == 5)
            #expect(sharding?["recent_events"] == .number(200))
            let text = try await stand.desk.run("status").text
            #expect(text.contains("shards (balancer "))
            #expect(text.contains("hottest instruments"))
        }

        @Test func dataOfAZoneIsOnItsShardsAlone() async throws {
            let stand = try await Stand.make()
            let file = try zones(stand)
            let done = try await stand.desk.run("init", "--json", "--config", file)
            #expect(done.code == 0, "\(done.error)")
            #expect(try await stand.keys()["market_data"] == ["instrument_symbol": .int32(1)])
            for venue in ["KRAKEN", "BYBIT", "OTHER"] { try await stand.replay(venue) }
            let held = { (filter: BSONDocument) in try await stand.holders("market_data", filter) }
            #expect(try await held(["instrument_symbol": "KRAKEN:S1"]) == [stand.shards[0]])
            #expect(try await held(["instrument_symbol": "KRAKEN:S7"]) == [stand.shards[1]])
            #expect(try await held(["instrument_symbol": ["$gte": "BYBIT:", "$lt": "BYBIT;"]]) == [stand.shards[1]])
            #expect(try await stand.desk.run("init", "--plan", "--config", file).text.contains("nothing to do"))
            #expect(try await stand.ranges("support_requests").count == 1)
            let text = try await stand.desk.run("status").text
            #expect(text.contains("zones \(stand.desk.database).eu"))
        }

        @Test func zonesFollowTheConfiguration() async throws {
            let stand = try await Stand.make()
            #expect(try await stand.desk.run("init", "--config", try zones(stand)).code == 0)
            let fewer = try stand.desk.file(
                "fewer.yaml",
                "zones: { eu: { shards: [\(stand.shards[0])], venues: [KRAKEN] } }\n"
            )
            let plan = try await stand.desk.run("init", "--plan", "--config", fewer)
            #expect(plan.code == 0, "\(plan.error)")
            #expect(plan.text.contains("remove the shard \(stand.shards[1]) from the zone"))
            #expect(try await stand.ranges("market_data").count == 4)
            let done = try await stand.desk.run("init", "--config", fewer)
            #expect(done.code == 0, "\(done.error)")
            #expect(try await stand.ranges("market_data").count == 1)
            #expect(try await stand.ranges("support_requests").isEmpty)
        }

        @Test func anotherKeyIsRefusedAndNothingIsChanged() async throws {
            let stand = try await Stand.make()
            #expect(try await stand.desk.run("init").code == 0)
            let before = try await stand.keys()
            let refused = try await stand.desk.run("init", "--config", try zones(stand))
            #expect(refused.code == 2)
            #expect(
                refused.error.contains("db.adminCommand({ reshardCollection: \"\(stand.desk.database).market_data\"")
            )
            #expect(try await stand.keys() == before)
            #expect(try await stand.ranges("market_data").isEmpty)
        }

        @Test func zonesThatAnOperatorMadeStay() async throws {
            let stand = try await Stand.make()
            #expect(try await stand.desk.run("init").code == 0)
            let zone = "by-hand-\(stand.desk.database)"
            try await stand.cluster.command(["addShardToZone": .string(stand.shards[0]), "zone": .string(zone)])
            try await stand.cluster.command([
                "updateZoneKeyRange": .string("\(stand.desk.database).alerts"), "min": ["subject": .minKey],
                "max": ["subject": .int64(0)], "zone": .string(zone),
            ])
            let again = try await stand.desk.run("init", "--json")
            #expect(try stand.steps(again).isEmpty, "\(again.error)")
            #expect(try await stand.ranges("alerts").count == 1)
        }

        @Test func aShardThatIsNotThereIsRefused() async throws {
            let stand = try await Stand.make()
            let file = try stand.desk.file("bad.yaml", "zones: { eu: { shards: [nowhere], tickets: true } }\n")
            let refused = try await stand.desk.run("init", "--config", file)
            #expect(refused.code == 2)
            #expect(refused.error.contains("the shard 'nowhere', which the cluster does not have"))
            #expect(try await stand.keys().isEmpty)
        }

        @Test func aReplayPreparesWhatNobodyInitialised() async throws {
            let stand = try await Stand.make()
            let file = try zones(stand)
            let lines = #"{"time": 1700000000000, "symbol": "S1", "price": "1.5", "size": "2"}"# + "\n"
            let tape = try stand.desk.file("tape.ndjson", lines)
            let ending = try await stand.desk.run(
                "replay",
                "--format",
                "ndjson",
                "--venue",
                "KRAKEN",
                tape,
                "--config",
                file
            )
            #expect(ending.code == 0, "\(ending.error)")
            #expect(try await stand.holders("market_data", [:]) == [stand.shards[0]])
            #expect(try await stand.keys()["market_data"] == ["instrument_symbol": .int32(1)])
        }
    }
}
