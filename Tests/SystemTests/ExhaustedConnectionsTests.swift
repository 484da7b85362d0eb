import TestSupport
import Testing

extension SystemTests {
    /// A mongod that takes no more connections.
    @Suite(.timeLimit(.minutes(5)))
    struct ExhaustedConnectionsTests {
        @Test func whoIsConnectedGoesOnAndOthersAreTold() async throws {
            var options = ReplicaSet.Options()
            options.memberCount = 1
            options.arguments = ["--maxConns", "40"]
            try await ReplicaSet.run(options) { set in
                let service = ServiceDesk(try Desk(uri: set.uri()))
                let venue = try await TradeVenue()
                let daemon = try await service.serve(hundredTradesOf: venue)

                let held = HeldConnections(80, to: set.members[0].port)
                let refused = try await service.desk.run("status")
                #expect(refused.code == 2 && refused.output.isEmpty)
                #expect(refused.error.contains("no MongoDB server at 127.0.0.1"), "\(refused.error)")
                venue.trade(101...200)
                try await poll("the daemon stores") { try await daemon.source("spot")?["waiting_bytes"]?.integer == 0 }
                held.release()
                try await poll("all is stored") { try await service.stored() == Array(1...200) }
                try await daemon.stop()
            }
        }
    }
}
