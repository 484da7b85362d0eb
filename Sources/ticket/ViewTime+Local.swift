import Glibc
import TicketViews

extension ViewTime {
    /// Times on the clock of this machine's time zone, as TZ or the system says.
    static func onTheWall(now: Int64) -> ViewTime {
        ViewTime(now: now) { milliseconds in
            var seconds = time_t(milliseconds / 1_000)
            var parts = tm()
            return localtime_r(&seconds, &parts) == nil ? 0 : parts.tm_gmtoff
        }
    }
}
