import Feeds
import Foundation
import Live
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10))) struct TapeLockTests {
    /// A descriptor that is closed twice may be somebody else's by then.
    @Test func aTapeThatIsInUseLeavesOtherFilesAlone() async throws {
        let tape = try TapeBench(dialect: "binance")
        let isOver = Atomic(false)
        let lost = Atomic(0)
        let refusals = Atomic(0)
        let path = tape.folder.path
        let header = tape.recorder.tape.header
        await withCheckedContinuation { continuation in
            let threads = DispatchGroup()
            threads.enter()
            Thread.detachNewThread {
                while !isOver.load(ordering: .acquiring) {
                    let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
                    if descriptor >= 0, close(descriptor) != 0 { lost.add(1, ordering: .relaxed) }
                }
                threads.leave()
            }
            threads.enter()
            Thread.detachNewThread {
                for _ in 0..<20_000 {
                    do throws(LiveTapeError) {
                        _ = try LiveTape(folder: path, header: header, limits: LiveTape.Limits(bytesMax: 1 << 20))
                    } catch {
                        if error.code == .inUse { refusals.add(1, ordering: .relaxed) }
                    }
                }
                isOver.store(true, ordering: .releasing)
                threads.leave()
            }
            threads.notify(queue: .global()) { continuation.resume() }
        }
        #expect(refusals.load(ordering: .relaxed) == 20_000)
        #expect(lost.load(ordering: .relaxed) == 0)
    }
}
