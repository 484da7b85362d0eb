import Foundation
import Testing

extension SystemTests {
    /// Who has a ticket open is seen by others, and hinders nobody.
    @Suite(.timeLimit(.minutes(1)))
    struct TicketPresenceTests {
        @Test func whoLooksIsSeenByOthersUntilTheMarkRunsOut() async throws {
            let desk = try await SupportDesk()
            let (mia, bob) = (try desk.agent("mia"), try desk.agent("bob"))
            let (id, other) = (try await mia.create("First"), try await mia.create("Second"))
            #expect(try await openBy(id, bob) == [])
            try await mia.lines("show", id)
            #expect(try await openBy(id, bob) == [["agent": "mia", "activity": "looking"]])
            #expect(try await openBy(other, bob) == [])
            let row = try #require(try await bob.lines("list").first { $0.contains("First") })
            #expect(row.contains("mia"), "\(row)")
            #expect(try await bob.lines("show", id, "--no-mark").contains { $0.contains("mia is looking") })
            #expect(try await bob.atTerminal("show", id, "--no-mark").text.contains("mia is looking"))
            #expect(try await !mia.lines("show", id).contains { $0.contains("is looking") }, "one's own is no news")

            try await desk.store("expire", id)
            #expect(try await openBy(id, bob) == [])
            #expect(try await !bob.lines("show", id).contains { $0.contains("is looking") })
            #expect(try await !bob.lines("list").contains { $0.contains("mia") })
        }

        @Test func whoOnlyMayLookOrSaysSoLeavesNoMark() async throws {
            let desk = try await SupportDesk()
            let (mia, vic) = (try desk.agent("mia"), try desk.agent("vic"))
            let config = try desk.desk.file("roles.yaml", "tickets:\n  roles:\n    mia: agent\n")
            let id = try await mia.create()
            try await mia.lines("show", id, "--no-mark")
            try await vic.lines("show", id, "--config", config)
            #expect(try await openBy(id, mia) == [])
        }

        @Test func whoEditsIsSeenWhileTheEditorRunsAndHindersNobody() async throws {
            let desk = try await SupportDesk()
            let (mia, bob) = (try desk.agent("mia"), try desk.agent("bob"))
            let id = try await mia.create()
            let (opened, gate) = (mia.home + "/opened", mia.home + "/go")
            let script = "touch '\(opened)'\nwhile [ ! -e '\(gate)' ]; do sleep 0.01; done"
            let edit = try mia.start(["edit", id], environment: try mia.editor(script))
            try await poll("the editor is open") { FileManager.default.fileExists(atPath: opened) }
            #expect(try await openBy(id, bob) == [["agent": "mia", "activity": "editing"]])
            #expect(try await bob.lines("show", id, "--no-mark").contains { $0.contains("mia is editing") })
            let second = try await bob.run("edit", id, environment: try bob.editor("true"))
            #expect(second.code == 0)
            #expect(second.error.contains("mia"), "\(second.error)")
            #expect(try await bob.json("set", id, "status=open")["status"] == "open", "a hint, never a lock")
            try Data().write(to: URL(fileURLWithPath: gate))
            #expect(try await edit.wait().code == 0)
            #expect(try await openBy(id, bob) == [])
        }

        @Test func anEditorThatFailsTakesTheMarkAway() async throws {
            let desk = try await SupportDesk()
            let (mia, bob) = (try desk.agent("mia"), try desk.agent("bob"))
            let id = try await mia.create()
            #expect(try await mia.run("edit", id, environment: try mia.editor("exit 1")).code == 2)
            #expect(try await openBy(id, bob) == [])
        }

        private func openBy(_ id: String, _ agent: Agent) async throws -> JSON? {
            try await agent.documents("list").first { $0["id"]?.text == id }?["open_by"]
        }
    }
}
