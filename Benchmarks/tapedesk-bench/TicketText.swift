/// Words of support tickets, some frequent and most of them not, as in real text.
enum TicketText {
    /// By falling frequency.
    static let words = """
        the to is and i my not please have for on it in of a this when after can was with you we that error account \
        customer login password order invoice payment service email update system issue since again still \
        user device product number screen address page support team access reset message button version install \
        today yesterday morning week month refund charge charged card credit bank transfer amount price plan contract \
        subscription cancel renew upgrade downgrade trial license key activate expired delivery package shipment \
        tracking courier late missing damaged broken replace return exchange warranty repair spare part cable battery \
        charger printer scanner laptop desktop monitor keyboard mouse router modem network wifi ethernet vpn \
        firewall proxy server database backup restore sync cloud storage folder file document export import report \
        dashboard chart filter search sort column row table form field value setting option preference profile \
        avatar picture photo video audio sound volume microphone camera headset speaker meeting calendar invite \
        reminder notification alert warning crash freeze slow timeout connection lost drop retry reload refresh \
        browser chrome firefox safari edge android iphone tablet windows linux macos driver firmware patch release \
        beta feature request idea suggestion feedback survey rating review comment reply forward attach attachment \
        signature template language translation german french spanish english currency euro dollar tax receipt \
        statement balance overdue dunning discount voucher coupon gift loyalty points member partner reseller vendor \
        supplier warehouse stock inventory quantity size colour model serial manual guide tutorial training course \
        certificate exam schedule appointment technician visit onsite remote session ticket case escalation manager \
        complaint apology compensation legal privacy consent delete erase data breach security phishing spam virus \
        malware quarantine block unblock allow deny permission role group admin owner guest contractor onboarding \
        offboarding badge door parking canteen travel expense hotel flight train rental insurance claim
        """.split(whereSeparator: \.isWhitespace).map(String.init)

    /// So many words, the frequent ones more often.
    static func text(words count: Int, _ random: inout SeededRandom) -> String {
        var text = ""
        for position in 0..<count {
            let chance = random.unit()
            if position > 0 { text += " " }
            text += words[Int(chance * chance * Double(words.count))]
        }
        return text
    }

    static func agent(_ number: Int) -> String { "agent-\(padded(number, 4))" }

    static func group(_ number: Int) -> String { "group-\(padded(number, 2))" }

    static func padded(_ number: Int, _ digits: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
