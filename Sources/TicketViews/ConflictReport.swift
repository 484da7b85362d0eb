import BSON
package import Tickets

/// What an agent reads whose change others came before: each field with both sides, and what to type next.
///
/// It holds no version number: one that is copied into a command overwrites what it was meant to protect.
package struct ConflictReport: Sendable {
    /// Something to type, and what it does.
    package struct Step: Equatable, Sendable {
        package let command: [String]
        /// What is typed behind the command.
        package let options: [String]
        package let effect: String

        package init(command: [String], options: [String] = [], effect: String) {
            self.command = command
            self.options = options
            self.effect = effect
        }
    }

    private let time: ViewTime
    private let style: Style
    private let width: Int?

    private static let indentation = "    "
    /// Longer values are shown as a diff or shortened.
    private static let inlineMax = 200
    private static let diffLinesMax = 40
    private static let contextLines = 2
    private static let commandMax = 1_000

    /// - Parameter width: columns of the terminal, to which long lines are shortened; nil where the output is piped.
    package init(time: ViewTime, style: Style = .plain, width: Int? = nil) {
        self.time = time
        self.style = style
        self.width = width
    }

    /// What can be typed after a command that met conflicts: the same command with an option more.
    ///
    /// An expected version that the command named is left out.
    package static func steps(after command: [String], ticket: String, conflicts: [FieldConflict]) -> [Step] {
        let command = withoutAddress(withoutVersion(command))
        let names = conflicts.map(\.field.name)
        let theirs = names.flatMap { ["--theirs", $0] }
        var steps = [
            Step(command: command, options: ["--rebase"], effect: "puts yours on the ticket as it is now"),
            Step(command: command, options: theirs, effect: "keeps theirs, and stores the rest of yours"),
        ]
        if let first = names.first, names.count > 1 {
            let decided = ["--mine", first] + theirs.dropFirst(2)
            steps.append(Step(command: command, options: decided, effect: "decides field by field"))
        }
        steps.append(
            Step(
                command: [command.first ?? "ticket", "show", ticket] + database(command),
                effect: "shows the ticket as it is now"
            )
        )
        return steps
    }

    /// The lines of the report.
    ///
    /// - Parameters:
    ///   - ticket: its id.
    ///   - steps: what to type next; see `steps(after:ticket:conflicts:)`.
    ///   - savedFile: where the text was saved that the agent typed.
    package func lines(
        ticket: String,
        conflicts: [FieldConflict],
        steps: [Step],
        savedFile: String? = nil
    ) -> [String] {
        let id = SafeText.line(ticket)
        var lines = [
            style.apply(.heading, "Ticket \(id) was changed by others meanwhile. Nothing of yours was stored.")
        ]
        for conflict in conflicts {
            lines.append("")
            lines += self.lines(conflict)
        }
        if let savedFile {
            lines += ["", "What you typed is in \(SafeText.line(savedFile))."]
        }
        return lines + [""] + next(steps)
    }

    // MARK: - Fields

    private func lines(_ conflict: FieldConflict) -> [String] {
        let who = conflict.by.map(SafeText.line) ?? ValueText.erased
        let when = "\(time.relative(conflict.at)) (\(time.absolute(conflict.at)))"
        let heading = style.apply(.label, SafeText.line(conflict.field.name)) + ", changed by \(who) \(when)"
        let yours = ValueText.block(conflict.yours, time)
        let theirs = ValueText.block(conflict.theirs, time)
        let isShort = [yours, theirs].allSatisfy { $0.utf8.count <= Self.inlineMax && !$0.utf8.contains(0x0A) }
        guard isShort else { return [heading] + difference(yours, theirs) }
        return [heading, shown("yours:  \(yours)", .yours), shown("theirs: \(theirs)", .theirs)]
    }

    /// Both texts in the unified format: lines of yours alone begin with `-`, lines of theirs alone with `+`.
    private func difference(_ yours: String, _ theirs: String) -> [String] {
        var lines = [shown("--- yours", .yours), shown("+++ theirs", .theirs)]
        let parts = LineDiff.parts(yours.lines, theirs.lines)
        var body: [(String, Style.Role?)] = []
        for (index, part) in parts.enumerated() {
            switch part {
            case .differing(let first, let second):
                body += first.map { ("-" + $0, .yours) } + second.map { ("+" + $0, .theirs) }
            case .common(let common):
                body += context(common, isFirst: index == 0, isLast: index == parts.count - 1).map { ($0, nil) }
            }
        }
        lines += body.prefix(Self.diffLinesMax).map { shown($0.0, $0.1) }
        if body.count > Self.diffLinesMax {
            lines.append(shown("… and \(body.count - Self.diffLinesMax) more lines", .faint))
        }
        return lines
    }

    /// The common lines beside those that differ.
    private func context(_ lines: [String], isFirst: Bool, isLast: Bool) -> [String] {
        let before = isFirst ? 0 : Self.contextLines
        let after = isLast ? 0 : Self.contextLines
        guard lines.count > before + after + 1 else { return lines.map { " " + $0 } }
        let hidden = lines.count - before - after
        return lines.prefix(before).map { " " + $0 } + ["… \(hidden) lines as in both"]
            + lines.suffix(after).map { " " + $0 }
    }

    private func shown(_ line: String, _ role: Style.Role?) -> String {
        let text = width.map { line.truncated(to: $0 - Self.indentation.count) } ?? line
        return Self.indentation + (role.map { style.apply($0, text) } ?? text)
    }

    // MARK: - Steps

    private func next(_ steps: [Step]) -> [String] {
        guard !steps.isEmpty else { return [] }
        var lines = [style.apply(.heading, "Type one of:")]
        for step in steps {
            lines.append(Self.indentation + typed(step))
            lines.append(style.apply(.faint, Self.indentation + Self.indentation + step.effect))
        }
        return lines
    }

    /// A command as it can be typed; one with a long text, or one that no line can hold, only by its options.
    private func typed(_ step: Step) -> String {
        if let line = ShellWords.command(step.command + step.options), line.utf8.count <= Self.commandMax {
            return line
        }
        return "the same command with " + (ShellWords.command(step.options) ?? "")
    }

    /// The words with passwords left out: a connection string that may hold one becomes its name.
    private static func withoutAddress(_ command: [String]) -> [String] {
        var isValue = false
        return command.map { word in
            defer { isValue = word == "--mongo" }
            if isValue, word.contains("@") { return "URI" }
            return word.hasPrefix("--mongo=") && word.contains("@") ? "--mongo=URI" : word
        }
    }

    /// The options that say which database is meant.
    private static func database(_ command: [String]) -> [String] {
        let options = ["--mongo", "--database", "--config"]
        return command.indices.flatMap { index -> [String] in
            if options.contains(where: { command[index].hasPrefix($0 + "=") }) { return [command[index]] }
            guard options.contains(command[index]), index + 1 < command.count else { return [] }
            return [command[index], command[index + 1]]
        }
    }

    private static func withoutVersion(_ command: [String]) -> [String] {
        let option = "--if-version"
        var kept: [String] = []
        var isValue = false
        for word in command {
            if !isValue, word != option, !word.hasPrefix(option + "=") { kept.append(word) }
            isValue = word == option
        }
        return kept
    }
}
