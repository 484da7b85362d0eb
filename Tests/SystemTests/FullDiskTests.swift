import BSON
import TestSupport
import Testing

extension SystemTests {
    /// The disk of MongoDB is full. (Full disks under tapes are simulated, in `LiveTests` and `ServiceTests`.)
    @Suite(.timeLimit(.minutes(5)))
    struct FullDiskTests {
        @Test(.enabled(if: SmallDisk.isAvailable, "this user may not mount a small file system (unshare, tmpfs)"))
        func whatComesInIsRecordedUntilThereIsRoomAgain() async throws {
            try await SmallDisk.run(megabytes: 700) { disk in
                var options = ReplicaSet.Options()
                options.memberCount = 1
                options.dataFolder = disk.folder
                try await ReplicaSet.run(options) { set in
                    let server = set.members[0]
                    let service = ServiceDesk(try Desk(uri: set.uri()))
                    let venue = try await TradeVenue()
                    let daemon = try await service.serve(hundredTradesOf: venue)

                    try disk.fill()
                    venue.trade(101...200)
                    try await poll("the server gives up", within: .seconds(60)) {
                        // A checkpoint wants room.
                        (try? await server.command(["fsync": 1], patienceMs: 5_000)) == nil
                            && server.log.contains("No space left on device")
                    }
                    venue.trade(201...300)
                    try await poll("the daemon says so", within: .seconds(60)) {
                        try await daemon.readiness().reasons.contains { $0.contains("MongoDB") }
                    }
                    server.kill()

                    try disk.free()
                    try server.start()
                    try await poll("all is stored", within: .seconds(60)) {
                        (try? await service.stored()) == Array(1...300)
                    }
                    try await daemon.stop()
                    try await service.desk.verifyClean()
                }
            }
        }
    }
}
