import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// Texts that cannot be stored, or not now: a clear message, and every byte is kept.
    @Suite(.timeLimit(.minutes(1)))
    struct TicketInputTests {
        private static let marker = "Sekret-Marker"

        @Test func aPipedTextThatIsNotUTF8IsKeptByteForByte() async throws {
            let mia = try await SupportDesk().agent("mia")
            let id = try await mia.create()
            let text = Data("\(Self.marker) ".utf8) + Data([0xC3, 0x28, 0xFF, 0x00, 0x0A])
            for words in [
                ["comment", id, "-"], ["create", "--subject", "S", "--requester", "a@b.example", "--description", "-"],
                ["resolve", id, "--comment", "-"],
            ] {
                let ending = try await mia.run(words, input: text)
                #expect(ending.code == 2, "\(words)")
                #expect(ending.output.isEmpty)
                #expect(ending.error.contains("UTF-8") && ending.error.contains("\(Self.marker.utf8.count + 1)"))
                #expect(!ending.error.contains(Self.marker), "\(ending.error)")
                #expect(try mia.keptText(namedIn: ending.error) == text)
            }
            #expect(try await mia.version(id) == "1")
            #expect(try await mia.documents("list").count == 1)
        }

        @Test func anArgumentThatIsNotUTF8IsKeptByteForByte() async throws {
            let mia = try await SupportDesk().agent("mia")
            let id = try await mia.create()
            let line = mia.shellLine("comment", id) + " \"$(printf '\(Self.marker) \\377 more')\""
            let ending = try await ChildProcess(
                ["/bin/sh", "-c", line],
                environment: mia.environment,
                folder: mia.desk.desk.folder
            ).wait()
            #expect(ending.code == 2, "\(ending.error)")
            #expect(ending.error.contains("UTF-8") && !ending.error.contains(Self.marker), "\(ending.error)")
            let expected = Data("\(Self.marker) ".utf8) + Data([0xFF]) + Data(" more".utf8)
            #expect(try mia.keptText(namedIn: ending.error) == expected)
            #expect(try await mia.version(id) == "1")
        }

        @Test func twentyMegabytesAreRefusedAndKeptWhole() async throws {
            let mia = try await SupportDesk().agent("mia")
            let id = try await mia.create()
            let text = Data(repeating: UInt8(ascii: "x"), count: 20_000_000 - 6) + Data("the end".utf8)
            let ending = try await mia.run("comment", id, "-", input: text)
            #expect(ending.code == 2)
            #expect(ending.error.contains("20000001") && ending.error.utf8.count < 1_000, "\(ending.error.prefix(500))")
            #expect(try mia.keptText(namedIn: ending.error) == text)
            #expect(try await mia.version(id) == "1")
        }

        @Test func theLongestTextThatIsTakenIsTaken() async throws {
            let mia = try await SupportDesk().agent("mia")
            let id = try await mia.create()
            let limit = 512 * 1024
            let text = String(repeating: "ü", count: limit / 2)
            #expect(try await mia.run("comment", id, "-", input: Data(text.utf8)).code == 0)
            let longer = try await mia.run("comment", id, "-", input: Data((text + "x").utf8))
            #expect(longer.code == 2)
            #expect(longer.error.contains("\(limit)"), "\(longer.error)")
            #expect(try mia.keptText(namedIn: longer.error).count == limit + 1)
            let comments = try #require(try await mia.json("show", id)["comments"]).elements
            #expect(comments.map { $0["text"]?.text == text } == [true])
        }

        @Test(arguments: ["\u{1B}[31mred", "bell\u{7}", "two\nlines", "tab\there", "\u{202E}reversed", "\u{9B}31m"])
        func aSubjectWithControlCharactersIsRefused(_ subject: String) async throws {
            let mia = try await SupportDesk().agent("mia")
            let id = try await mia.create()
            let text = "\(Self.marker) with care"
            let created = try await mia.run(
                "create",
                "--subject",
                subject,
                "--requester",
                "a@b.example",
                "--description",
                text
            )
            #expect(created.code == 64)
            #expect(created.error.contains("subject") && created.error.contains("control"), "\(created.error)")
            #expect(!created.error.contains(subject) && !created.error.contains(Self.marker), "\(created.error)")
            #expect(try mia.keptText(namedIn: created.error) == Data(text.utf8))
            let changed = try await mia.run("set", id, "subject=" + subject)
            #expect(changed.code == 64)
            #expect(String(decoding: try mia.keptText(namedIn: changed.error), as: UTF8.self).contains(subject))
            #expect(try await mia.documents("list").count == 1)
        }

        @Test func escapesOfAnImportNeverReachATerminal() async throws {
            let desk = try await SupportDesk()
            let bob = try desk.agent("bob")
            let evil = #"x\u001b]0;evil\u0007\u001b[2J\u009b31m\u202eyes\r"#
            try await desk.replay([
                #"{"ticket":"E-1","sequence":1,"type":"create","actor":"\#(evil)","fields":{"subject":"\#(evil)","#
                    + #""requester":"kim@example.com","description":"\#(evil)\n\#(evil)","group":"\#(evil)","#
                    + #""tags":["\#(evil)"],"assignee":"\#(evil)","custom.x":"\#(evil)"}}"#,
                #"{"ticket":"E-1","sequence":2,"type":"comment","actor":"\#(evil)","text":"\#(evil)"}"#,
            ])
            let stored = try await bob.documents("list")[0]
            #expect(stored["subject"]?.text?.unicodeScalars.contains("\u{1B}") == true, "the text itself is kept")
            let columns = "id,status,assignee,subject,group,tags,requester"
            for words in [
                ["show", "E-1"], ["list"], ["list", "--columns", columns], ["history", "E-1"], ["search", "evil"],
                ["set", "E-1", "subject=new"], ["claim", "E-1"],
            ] {
                let session = try bob.terminal(words, columns: 120)
                _ = try await session.wait()
                expectHarmless(session.text.withoutColours, words)
                let piped = try await bob.run(words)
                expectHarmless(piped.text + piped.error, words)
            }
        }

        private func expectHarmless(_ text: String, _ words: [String]) {
            let raw = text.unicodeScalars.filter { scalar in
                scalar != "\n" && (scalar.properties.generalCategory == .control || scalar == "\u{202E}")
            }
            #expect(raw.isEmpty, "\(words): \(raw.map { String($0.value, radix: 16) })")
            #expect(!text.isEmpty, "\(words)")
        }

        @Test func whoMayNotDoItIsToldSoAndTheTextKept() async throws {
            let desk = try await SupportDesk()
            let roles = "tickets:\n  roles:\n    mia: agent\n    sam: supervisor\n    vic: viewer\n"
            let config = try desk.desk.file("roles.yaml", roles)
            let (mia, vic) = (try desk.agent("mia"), try desk.agent("vic"))
            let id = try await mia.create()
            let refused = [
                ["comment", id, "-"], ["resolve", id, "--comment", "-"],
                ["create", "--subject", "S", "--requester", "a@b.example", "--description", "-"],
            ]
            for agent in [vic, try desk.agent("stranger")] {
                for words in refused {
                    let ending = try await agent.run(words + ["--config", config], input: Data(Self.marker.utf8))
                    #expect(ending.code == 2, "\(words)")
                    #expect(ending.error.contains(agent.name) && ending.error.contains("viewer"), "\(ending.error)")
                    #expect(!ending.error.contains(Self.marker))
                    #expect(try agent.keptText(namedIn: ending.error) == Data(Self.marker.utf8))
                }
                for words in [["claim", id], ["edit", id], ["tag", id, "x"], ["merge", id, "into", "2"]] {
                    #expect(try await agent.run(words + ["--config", config]).code == 2, "\(words)")
                }
                #expect(try await agent.run("show", id, "--config", config).code == 0, "looking is for all")
            }
            #expect(try await mia.version(id) == "1")
            #expect(try await mia.run("comment", id, "text", "--config", config).code == 0)
            let erase = ["erase", "--requester", "kim@example.com", "--yes", "--config", config]
            #expect(try await mia.run(erase).code == 2)
            #expect(try await mia.json("show", id)["requester"] == "kim@example.com")
            #expect(try await desk.agent("sam").run(erase).code == 0)
        }

        @Test func aServerThatDiesUnderAnEditorCostsNoText() async throws {
            let server = try await LocalMongo.start()
            defer { server.stop() }
            let desk = try await SupportDesk(at: server)
            let mia = try desk.agent("mia")
            let id = try await mia.create()
            let gate = mia.home + "/go"
            let script = """
                printf '%s\\n' '\(Self.marker) typed' >> "$1"
                touch '\(mia.home)/opened'
                while [ ! -e '\(gate)' ]; do sleep 0.01; done
                """
            let edit = try mia.start(["edit", id, "--wait", "2"], environment: try mia.editor(script))
            try await poll("the editor is open") { FileManager.default.fileExists(atPath: mia.home + "/opened") }
            server.kill()
            try Data().write(to: URL(fileURLWithPath: gate))
            let comment = try mia.start(["comment", id, "-", "--wait", "2"], input: .pipe)
            try await comment.send(Data(Self.marker.utf8))
            comment.closeInput()
            let edited = try await edit.wait()
            #expect(edited.code == 2)
            let commented = try await comment.wait()
            #expect(commented.code == 2)
            for ending in [edited, commented] {
                #expect(ending.error.contains("127.0.0.1:\(server.port)"), "\(ending.error)")
                #expect(!ending.error.contains(Self.marker))
            }
            let files = try mia.keptFiles()
            try #require(files.count == 2)
            let texts = try files.map { try String(contentsOfFile: $0, encoding: .utf8) }
            #expect(texts.contains(Self.marker) && texts.contains { $0.hasSuffix("\(Self.marker) typed\n") })
            for (ending, kind) in [(edited, "edit"), (commented, "comment")] {
                #expect(files.contains { $0.contains("/\(kind)-") && ending.error.contains($0) }, "\(ending.error)")
            }
            try await server.restart()
            #expect(try await mia.version(id) == "1")
            #expect(try await mia.run("comment", id, "-", input: Data(texts[0].utf8)).code == 0, "and it goes on")
        }

        @Test func aTextIsKeptWhereTheHomeCannotBeWritten() async throws {
            let mia = try await SupportDesk().agent("mia")
            let temporary = mia.home + "/tmp"
            try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: true)
            let environment = ["HOME": "/proc/none", "TMPDIR": temporary]
            let ending = try await mia.run("comment", "4711", "typed", environment: environment)
            #expect(ending.code == 2)
            let files = try FileManager.default.contentsOfDirectory(atPath: temporary).map { temporary + "/" + $0 }
            try #require(files.count == 1)
            #expect(ending.error.contains(files[0]), "\(ending.error)")
            #expect(try String(contentsOfFile: files[0], encoding: .utf8) == "typed")
        }
    }
}
