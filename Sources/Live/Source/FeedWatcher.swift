public import Feeds
public import MarketData

/// Who sees what connections receive, beside the tape.
public protocol FeedWatcher: AnyObject, Sendable {
    /// A frame came.
    ///
    /// Called on the connection's event loop: must not wait.
    func received(
        _ kind: TapeFrameKind,
        at time: Timestamp,
        connection: UnsafeRawBufferPointer,
        payload: UnsafeRawBufferPointer
    )
}
