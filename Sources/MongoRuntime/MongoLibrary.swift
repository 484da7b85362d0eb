private import CLibMongoC
private import CMongoShims
private import Synchronization

/// The life of libmongoc within the process: started once by the first pool, stopped at most once.
public enum MongoLibrary {
    private static let state = Mutex(State.unused)

    private enum State {
        case unused
        case started
        case stopped
    }

    /// Starts the library unless it runs already.
    ///
    /// Safe to call from any thread.
    ///
    /// - Precondition: `shutDown` was not called.
    static func start() {
        state.withLock { state in
            precondition(state != .stopped, "libmongoc cannot be started again")
            guard state == .unused else { return }
            // Before mongoc_init: the default handler prints to standard output, which belongs to the program.
            mongoc_log_set_handler(handleMongoLog, nil)
            mongoc_init()
            state = .started
        }
    }

    /// Releases what the library holds, at the very end of a process and after all pools were closed.
    ///
    /// Not needed for correctness; afterwards no pool can be opened. Safe to call from any thread.
    public static func shutDown() {
        state.withLock { state in
            guard state == .started else { return }
            mongoc_cleanup()
            state = .stopped
        }
    }

    /// The version of the library that is linked, for example "1.23.1".
    public static var version: String { String(cString: mongoc_get_version()) }
}

/// One message of libmongoc itself, as opposed to an error of an operation.
public struct MongoLogMessage: Equatable, Sendable {
    /// How serious a message is.
    public enum Level: Int, Comparable, Sendable {
        case error = 0
        case critical = 1
        case warning = 2
        case information = 3
        case debug = 4

        public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    public let level: Level
    /// The part of the library, for example "cluster".
    public let domain: String
    /// At most 1,024 bytes, the rest is cut.
    public let text: String
}

/// Where messages of libmongoc go.
///
/// Until a sink is set, the newest warnings and errors are kept, bounded.
public enum MongoLog {
    static let keptCountMax = 64
    static let textBytesMax = 1024

    private struct State {
        var sink: (@Sendable (MongoLogMessage) -> Void)?
        var kept: [MongoLogMessage] = []
        var dropped = 0
    }

    private static let state = Mutex(State())

    /// Sends messages of warning level and above to `sink`, those kept until now first; nil keeps them again.
    ///
    /// - Important: The sink is called on threads of libmongoc, under its log lock. It returns at once, calls
    ///   nothing of this module, and does not wait for anything.
    public static func setSink(_ sink: (@Sendable (MongoLogMessage) -> Void)?) {
        let kept = state.withLock { state in
            state.sink = sink
            guard sink != nil else { return [MongoLogMessage]() }
            defer { state.kept = [] }
            return state.kept
        }
        for message in kept {
            sink?(message)
        }
    }

    /// How many messages were lost because no sink was set.
    public static var droppedCount: Int { state.withLock { $0.dropped } }

    static func receive(_ message: MongoLogMessage) {
        guard message.level <= .warning else { return }
        let sink = state.withLock { state in
            if state.sink == nil {
                if state.kept.count == keptCountMax {
                    state.kept.removeFirst()
                    state.dropped += 1
                }
                state.kept.append(message)
            }
            return state.sink
        }
        sink?(message)
    }
}

private func handleMongoLog(
    level: mongoc_log_level_t,
    domain: UnsafePointer<CChar>?,
    text: UnsafePointer<CChar>?,
    context: UnsafeMutableRawPointer?
) {
    // Decided before any string is made: the library is chatty below the level of warnings.
    guard level.rawValue <= MONGOC_LOG_LEVEL_WARNING.rawValue, let domain, let text else { return }
    let message = MongoLogMessage(
        level: MongoLogMessage.Level(rawValue: Int(level.rawValue)) ?? .warning,
        domain: String(cString: domain),
        text: String(decoding: String(cString: text).utf8.prefix(MongoLog.textBytesMax), as: UTF8.self)
    )
    MongoLog.receive(message)
}
