import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// A thousand agents at the same few tickets, and a model that knows what has to come of it.
    struct TicketLoadTests {
        static let bench = Product.packageRoot.appendingPathComponent(".build/release/tapedesk-bench").path

        @Test(
            .enabled(
                if: FileManager.default.isExecutableFile(atPath: bench),
                "there is no tapedesk-bench: run swift build -c release"
            )
        )
        func nothingIsLostDoubledOrMadeUp() async throws {
            let server = try await LocalMongo.shared()
            let words = [
                Self.bench, "tickets", "--mongo", server.uri(), "--database",
                "bench_\(LocalMongo.uniqueDatabaseName())", "--agents", "1000", "--tickets", "200", "--seconds", "5",
                "--connections", "32",
            ]
            let folder = try TemporaryFolder.make()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let ending = try await ChildProcess(words, folder: folder).wait(within: .seconds(300))
            #expect(ending.code == 0, "\(ending.text)\n\(ending.error)")
            #expect(ending.text.contains("Checked: nothing is wrong."))
        }
    }
}
