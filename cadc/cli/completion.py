"""`cadc completion`: what a shell needs so that the tabulator completes commands, options, overrides and runs."""

import argparse
import sys

from cadc.cli.output import show
from cadc.errors import UsageError

HELP = "print what bash, zsh or fish needs to complete commands, overrides and runs"

INSTALL = """\
  bash  eval "$(cadc completion bash)"    in ~/.bashrc
  zsh   eval "$(cadc completion zsh)"     in ~/.zshrc
  fish  cadc completion fish | source     in ~/.config/fish/config.fish
"""

# Bash splits words at `=` and `:` and replaces only the part after them; a word that goes on gets no space.
BASH = r"""
_cadc() {
    local line="${COMP_LINE:0:COMP_POINT}" current words
    read -ra words <<< "$line"
    [[ "$line" == *[[:space:]] ]] && words+=("")
    current="${words[-1]}"
    local done="${current%"${current##*[=:]}"}"
    local IFS=$'\n'
    COMPREPLY=($(printf '%s\n' "${words[@]:1}" | cadc completion --words 2>/dev/null))
    COMPREPLY=("${COMPREPLY[@]#"$done"}")
    if [[ ${#COMPREPLY[@]} -eq 1 ]]; then
        [[ "${COMPREPLY[0]}" == *[=.] ]] && compopt -o nospace
        [[ "${COMPREPLY[0]}" == *" "* ]] && COMPREPLY[0]=$(printf '%q' "${COMPREPLY[0]}")
    fi
    return 0
}
complete -o default -F _cadc cadc
"""

ZSH = r"""
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -u }
_cadc() {
    local -a found open closed
    local typed="${(Q)PREFIX}"
    found=("${(@f)$(print -rl -- "${(@Q)words[2,CURRENT-1]}" "$typed" | cadc completion --words 2>/dev/null)}")
    found=(${found:#})
    if (( ! $#found )); then
        compset -P '*='
        _files
        return
    fi
    open=(${(M)found:#*[=.]})
    closed=(${found:#*[=.]})
    (( $#open )) && compadd -S '' -a open
    (( $#closed )) && compadd -a closed
}
compdef _cadc cadc
"""

FISH = r"""
function __cadc_candidates
    set -l words (commandline -opc)
    set -l found (printf '%s\n' $words[2..-1] "$(commandline -ct)" | cadc completion --words 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        set -l typed (commandline -ct)
        set -l key (string match -r '^[^=]*=' -- $typed)
        printf "$key%s\n" (__fish_complete_path (string replace -- "$key" '' "$typed"))
    end
end
complete -c cadc -f -a '(__cadc_candidates)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = INSTALL
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument("shell", nargs="?", choices=SCRIPTS)
    # What the scripts call; the words of a command line up to the cursor are read from standard input, a line each.
    asked.add_argument("--words", action="store_true", help=argparse.SUPPRESS)


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    if not (arguments.words or arguments.shell):
        raise UsageError(f"no shell was given; name one of {', '.join(SCRIPTS)}.")
    if not arguments.words:
        show(*SCRIPTS[arguments.shell].strip().splitlines())
        return 0
    from cadc.cli.candidates import candidates

    show(*candidates(sys.stdin.read().split("\n")[:-1]))
    return 0
