/// Reads the header `Retry-After` (RFC 9110, section 10.2.3): how long a server wants to be left alone.
public enum RetryAfter {
    /// How long to wait; nil where the text is neither seconds nor a date.
    ///
    /// - Parameters:
    ///   - text: the value of the header.
    ///   - now: the time of day, since 1970 in UTC; used for dates.
    ///   - longest: what a longer wait is cut to, so that no server stops a source for good.
    /// - Returns: from zero, which is also for a date that is past, to `longest`.
    public static func wait(_ text: String, at now: Duration, longest: Duration = .seconds(86_400)) -> Duration? {
        let digits = text.utf8
        if !digits.isEmpty, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            // More digits than fit are long enough.
            guard let seconds = Int32(text) else { return longest }
            return min(.seconds(seconds), longest)
        }
        guard let date = HTTPDate.parse(text, now: Int(now.components.seconds)) else { return nil }
        return max(.zero, min(.seconds(date) - now, longest))
    }
}
