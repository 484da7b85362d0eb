import Testing

@testable import Leases

@Suite struct RendezvousTests {
    private let sources = (0..<1_000).map { "source-\($0)" }
    private let instances = ["one", "two", "three", "four"]

    @Test func everyInstanceGetsItsShare() {
        let owners = sources.compactMap { Rendezvous.owner(of: $0, among: instances) }
        for instance in instances {
            let share = owners.count { $0 == instance }
            #expect((180...320).contains(share), "\(instance) has \(share) of \(sources.count)")
        }
    }

    @Test(arguments: ["one", "two", "three", "four"])
    func whoGoesMovesOnlyItsOwnPart(_ gone: String) {
        let rest = instances.filter { $0 != gone }
        for source in sources {
            let before = Rendezvous.owner(of: source, among: instances)
            let after = Rendezvous.owner(of: source, among: rest)
            #expect(before == gone ? after != gone : after == before)
        }
    }

    @Test func orderOfInstancesDoesNotMatter() {
        for source in sources {
            let owner = Rendezvous.owner(of: source, among: instances)
            #expect(owner == Rendezvous.owner(of: source, among: instances.reversed()))
        }
    }

    @Test func nobodyOwnsWhatNobodyIsThereFor() {
        #expect(Rendezvous.owner(of: "source", among: [String]()) == nil)
    }

    /// Daemons of different versions have to agree.
    @Test func ownersStayTheSameFromVersionToVersion() {
        let owners = ["spot", "futures", "tickets"].map { Rendezvous.owner(of: $0, among: instances) }
        #expect(owners == ["one", "three", "three"])
    }
}
