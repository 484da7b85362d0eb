import BSON
import CLibMongoC
import CMongoShims
private import Synchronization

/// The library's pool of clients, created when the first client is asked for.
///
/// Creating and destroying it may ask DNS and servers, so all methods are called on worker threads only.
final class ClientPool: Sendable {
    /// Unchecked: mongoc_client_pool_t is documented as thread-safe, but for its destruction, which is last; so is
    /// `td_observer`.
    private struct Handle: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    private enum State: Sendable {
        case unopened
        case open(Handle)
        case destroyed
    }

    let configuration: MongoConfiguration
    private let observer: Handle
    private let state = Mutex(State.unopened)

    init(configuration: MongoConfiguration) {
        self.configuration = configuration
        observer = Handle(pointer: td_observer_new(CommandTrace.listener))
    }

    deinit { td_observer_free(observer.pointer) }

    /// The greatest time of what was read and confirmed through any client of the pool: seconds in the upper half, a
    /// count within the second in the lower one; 0 where the server keeps none.
    ///
    /// Reads are not to be older. After a failover, the new primary reads as of what a majority had some time ago,
    /// until it has heard from a majority itself: without this, what was there would be gone for a moment.
    var operationTime: UInt64 { td_observer_time(observer.pointer) }

    /// Lets reads see at least what there was at a time.
    func advance(to time: UInt64) { td_observer_advance(observer.pointer, time) }

    /// Takes a client for the calling thread.
    func pop() throws(MongoError) -> OpaquePointer {
        let handle = try open()
        guard let client = mongoc_client_pool_pop(handle.pointer) else {
            throw MongoError(.poolExhausted, "libmongoc has no client left for a connection")
        }
        return client
    }

    /// Gives back a client of `pop`.
    func push(_ client: OpaquePointer) {
        state.withLock { state in
            guard case .open(let handle) = state else { preconditionFailure("a client outlived its pool") }
            mongoc_client_pool_push(handle.pointer, client)
        }
    }

    /// Ends sessions on the server, stops monitoring and frees everything.
    ///
    /// All clients have to be back.
    func destroy() {
        let handle: Handle? = state.withLock { state in
            defer { state = .destroyed }
            if case .open(let handle) = state { return handle }
            return nil
        }
        if let handle { mongoc_client_pool_destroy(handle.pointer) }
    }

    private func open() throws(MongoError) -> Handle {
        let configuration = self.configuration
        return try state.withLock { state throws(MongoError) in
            switch state {
            case .open(let handle): return handle
            case .destroyed: throw MongoError(.closed, "the connections to MongoDB were closed")
            case .unopened: break
            }
            let uri = try configuration.makeURI()
            defer { mongoc_uri_destroy(uri) }
            var error = td_error()
            guard let pointer = td_pool_new(uri, observer.pointer, &error) else {
                let cause = MongoError(error, reply: [:])
                throw MongoError(
                    .configuration,
                    "cannot use \(configuration.description): \(cause.message)"
                )
            }
            let handle = Handle(pointer: pointer)
            state = .open(handle)
            return handle
        }
    }
}
