import ArgumentParser
import Console

struct CompletionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion",
        abstract: "Print the script that completes this command in a shell.",
        discussion: """
            bash: ticket completion bash > ~/.local/share/bash-completion/completions/ticket
            zsh:  ticket completion zsh > DIR/_ticket, where DIR is one of $fpath
            fish: ticket completion fish > ~/.config/fish/completions/ticket.fish
            """
    )

    @Argument(help: "bash, zsh or fish.") var shell: Shell

    func run() {
        Terminal.output(TicketProgram.completionScript(for: shell.completion))
    }

    enum Shell: String, CaseIterable, ExpressibleByArgument {
        case bash
        case zsh
        case fish

        var completion: CompletionShell {
            switch self {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        }
    }
}
