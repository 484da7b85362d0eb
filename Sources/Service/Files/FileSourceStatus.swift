/// How a source of files is doing.
package struct FileSourceStatus: Sendable {
    /// Files that were stored whole.
    package var done = 0
    /// Files that could not be read, and were put aside.
    package var failed = 0
    /// Files that wait, the one that is being read among them.
    package var waiting = 0
    /// The file that is being read; nil for none.
    package var current: String?
    /// Events, of market data or of tickets, that this process stored.
    package var stored = 0
    /// Records that were rejected.
    package var rejected = 0
    /// Why nothing is stored at the moment; nil where it is.
    package var trouble: String?
}
