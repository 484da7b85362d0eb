import SimulatedStore
import Testing

@Suite struct SimulatedStoreConformanceTests {
    @Test(arguments: ConformanceCase.all) func storeBehavesAsAllStoresDo(conformance: ConformanceCase) async throws {
        try await conformance.run(SimulatedStore(seed: 1))
    }
}
