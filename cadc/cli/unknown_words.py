"""Answers to options that a command does not have: those of Hydra, and misspelt ones."""

from collections.abc import Sequence

OF_HYDRA = {
    ("--config-name", "-cn", "--config-path", "-cp", "--config-dir", "-cd"): "@FILE.yaml reads overrides from a file",
    ("--hydra-help",): "`cadc train --help` lists groups, options and keys",
    ("--shell-completion", "-sc"): "`cadc completion bash`, zsh or fish prints what the shell needs",
    ("--experimental-rerun",): "the same command again resumes, and `cadc ledger show RUN` shows a run's overrides",
    ("--run", "-r"): "without -m a command is one run",
    ("--multirun", "-m"): "-m belongs to `cadc train`; `experiment` and `tune` run several values without it",
    ("--cfg", "-c", "--info", "-i", "--package", "-p", "--resolve"): "`cadc train KEY=VALUE … --cfg job` prints a "
    "configuration",
}
"""What does the same as an option of Hydra's own command line."""


def unknown_words(command: str, words: Sequence[str], known: Sequence[str]) -> str:
    """Return the message about words that a command does not take.

    Parameters
    ----------
    command : its name.
    words : what it does not know.
    known : its options.

    >>> unknown_words("train", ["--dryrun"], ["--dry-run", "--debug"])
    'train does not know --dryrun; did you mean --dry-run?'
    """
    from cadc.configuration.suggestions import nearest

    first = next((word.partition("=")[0] for word in words if word.startswith("-")), words[0])
    answer = next((text for flags, text in OF_HYDRA.items() if first in flags), None)
    near = [] if answer else nearest(first, known)
    hint = answer or (f"did you mean {' or '.join(near)}?" if near else f"`cadc {command} --help` lists what it takes")
    return f"{command} does not know {' '.join(words)}; {hint}{'' if hint.endswith('?') else '.'}"
