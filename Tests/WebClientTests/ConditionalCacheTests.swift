import Testing
import WebClient

@Suite struct ConditionalCacheTests {
    static func request(_ path: String, _ method: WebRequest.Method = .get) -> WebRequest {
        WebRequest("https://venue.example/\(path)", method: method, deadline: .seconds(1), bodyBytesMax: 1)
    }

    static func validators(_ cache: inout ConditionalCache, _ path: String) -> WebRequest.Validators {
        var request = request(path)
        cache.apply(to: &request)
        return request.validators
    }

    @Test func whatAServerGaveIsSentBack() {
        var cache = ConditionalCache()
        cache.learn(
            from: WebResponse(status: 200, headers: ["etag": "W/\"1\"", "LAST-MODIFIED": "then"]),
            to: Self.request("a")
        )
        #expect(Self.validators(&cache, "a") == .init(entityTag: "W/\"1\"", lastModified: "then"))
        #expect(Self.validators(&cache, "a?x=1") == .init())
    }

    @Test func aNewAnswerTakesThePlaceOfTheOldOne() {
        var cache = ConditionalCache()
        cache.learn(from: WebResponse(status: 200, headers: ["ETag": "1"]), to: Self.request("a"))
        cache.learn(from: WebResponse(status: 200, headers: ["Last-Modified": "then"]), to: Self.request("a"))
        #expect(Self.validators(&cache, "a") == .init(lastModified: "then"))
        cache.learn(from: WebResponse(status: 200), to: Self.request("a"))
        #expect(Self.validators(&cache, "a") == .init())
        #expect(cache.count == 0)
    }

    @Test func nothingNewRenewsWhatIsKnown() {
        var cache = ConditionalCache()
        cache.learn(
            from: WebResponse(status: 200, headers: ["ETag": "1", "Last-Modified": "then"]),
            to: Self.request("a")
        )
        var second = Self.request("a")
        cache.apply(to: &second)
        cache.learn(from: WebResponse(status: 304, headers: ["ETag": "2"]), to: second)
        #expect(Self.validators(&cache, "a") == .init(entityTag: "2", lastModified: "then"))
    }

    @Test(arguments: [206, 302, 404, 429, 500])
    func errorsAndPartsTeachNothing(status: Int) {
        var cache = ConditionalCache()
        cache.learn(from: WebResponse(status: 200, headers: ["ETag": "1"]), to: Self.request("a"))
        cache.learn(from: WebResponse(status: status, headers: ["ETag": "2"]), to: Self.request("a"))
        cache.learn(from: WebResponse(status: status, headers: ["ETag": "2"]), to: Self.request("b"))
        #expect(Self.validators(&cache, "a") == .init(entityTag: "1"))
        #expect(Self.validators(&cache, "b") == .init())
    }

    @Test func aPostIsNeverConditional() {
        var cache = ConditionalCache()
        cache.learn(from: WebResponse(status: 200, headers: ["ETag": "1"]), to: Self.request("a", .post))
        #expect(cache.count == 0)
        cache.learn(from: WebResponse(status: 200, headers: ["ETag": "1"]), to: Self.request("a"))
        var post = Self.request("a", .post)
        cache.apply(to: &post)
        #expect(post.validators == .init())
    }

    @Test func theURLThatWasAskedLongestAgoIsForgotten() {
        var cache = ConditionalCache(urlsMax: 2)
        let response = WebResponse(status: 200, headers: ["ETag": "1"])
        cache.learn(from: response, to: Self.request("a"))
        cache.learn(from: response, to: Self.request("b"))
        _ = Self.validators(&cache, "a")
        cache.learn(from: response, to: Self.request("c"))
        #expect(cache.count == 2)
        #expect(Self.validators(&cache, "a") == .init(entityTag: "1"))
        #expect(Self.validators(&cache, "b") == .init())
        cache.forget("https://venue.example/a")
        #expect(Self.validators(&cache, "a") == .init())
    }

    @Test func whatIsNoValidatorIsNotKept() {
        var cache = ConditionalCache()
        let headers: WebHeaders = ["ETag": String(repeating: "x", count: 5_000), "Last-Modified": ""]
        cache.learn(from: WebResponse(status: 200, headers: headers), to: Self.request("a"))
        #expect(cache.count == 0)
    }
}
