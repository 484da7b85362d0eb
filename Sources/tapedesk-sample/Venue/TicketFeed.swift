/// Makes up what customers and agents do with tickets, and leaves it in spool folders as files of `ticket-events`.
///
/// The same seed makes the same files: whoever takes them twice finds every step stored already.
struct TicketFeed {
    /// A ticket that is being worked on.
    private struct Work {
        let id: String
        var step: Int
        var status: Int
        let agent: String
    }

    private static let subjects = [
        "Candles of SUBJECT are late", "Feed of SUBJECT stopped", "Wrong price in SUBJECT", "Cannot export SUBJECT",
        "Gap in trades of SUBJECT", "Please add SUBJECT",
    ]
    private static let symbols = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT"]
    private static let customers = ["kim@example.com", "lee@example.com", "noa@example.com", "ada@example.com"]
    private static let agents = ["mia", "sam", "eve"]
    private static let priorities = ["low", "normal", "normal", "high", "urgent"]
    private static let groups = ["market-data", "billing", "integrations"]
    private static let comments = [
        "Since when do you see this?", "It began this morning.", "We are looking into it.", "Any news?",
        "Could you send us the time of one example?", "It works again here.",
    ]
    private static let statuses = ["new", "open", "pending", "open", "resolved"]
    /// Of more, the oldest is left alone.
    private static let worksMax = 100

    private let folders: [String]
    private let seed: UInt64
    private var random: SplitMix64
    private var tickets = 0
    private var works: [Work] = []
    private(set) var files = 0
    private(set) var events = 0

    init(folders: [String], seed: UInt64) {
        self.folders = folders
        self.seed = seed
        random = SplitMix64(seed: seed ^ 0x7469_636B_6574_7300)
    }

    /// Writes the next file into every folder.
    ///
    /// It has a name that begins with a dot until it is complete.
    mutating func writeNext() throws(OutputError) {
        let lines = nextLines()
        files += 1
        events += lines.count
        let number = String(files)
        let name = "tickets-\(seed)-" + String(repeating: "0", count: max(0, 6 - number.count)) + number + ".ndjson"
        for folder in folders {
            var file = try OutputFile(path: "\(folder)/\(name)", partialPath: "\(folder)/.\(name)")
            for line in lines {
                file.append(Array(line.utf8))
                try file.endLine()
            }
            _ = try file.close()
            try file.publish()
        }
    }

    /// A new ticket, and what happens to some of those that are there.
    private mutating func nextLines() -> [String] {
        var lines = [create()]
        for _ in 0..<random.next(below: 4) {
            let place = Int(random.next(below: UInt64(works.count)))
            lines.append(random.next(below: 2) == 0 ? comment(at: place) : change(at: place))
            if works[place].status == Self.statuses.count - 1 { works.remove(at: place) }
            if works.isEmpty { break }
        }
        return lines
    }

    private mutating func create() -> String {
        tickets += 1
        let work = Work(id: "\(seed)-\(tickets)", step: 1, status: 0, agent: draw(Self.agents))
        let words = draw(Self.subjects).split(separator: " ")
        let symbol = draw(Self.symbols)
        let subject = words.map { $0 == "SUBJECT" ? symbol : String($0) }.joined(separator: " ")
        let customer = draw(Self.customers)
        if works.count == Self.worksMax { works.removeFirst() }
        works.append(work)
        return #"{"ticket":"\#(work.id)","sequence":1,"type":"create","actor":"\#(customer)","fields":{"#
            + #""subject":"\#(subject)","requester":"\#(customer)","status":"new","#
            + #""priority":"\#(draw(Self.priorities))","group":"\#(draw(Self.groups))","#
            + #""tags":["sample","\#(symbol.lowercased())"]}}"#
    }

    private mutating func comment(at place: Int) -> String {
        works[place].step += 1
        let work = works[place]
        let isInternal = random.next(below: 4) == 0
        return #"{"ticket":"\#(work.id)","sequence":\#(work.step),"type":"comment","actor":"\#(work.agent)","#
            + #""text":"\#(draw(Self.comments))","internal":\#(isInternal)}"#
    }

    private mutating func change(at place: Int) -> String {
        works[place].step += 1
        works[place].status += 1
        let work = works[place]
        return #"{"ticket":"\#(work.id)","sequence":\#(work.step),"type":"change","actor":"\#(work.agent)","#
            + #""fields":{"status":"\#(Self.statuses[work.status])","assignee":"\#(work.agent)"}}"#
    }

    private mutating func draw(_ choices: [String]) -> String {
        choices[Int(random.next(below: UInt64(choices.count)))]
    }
}
