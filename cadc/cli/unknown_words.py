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


READ_AS_CFG = ("-cn", "-cp", "-cd")
"""Options of Hydra that argparse takes for `-c` and a value."""


def of_hydra(words: Sequence[str]) -> list[str]:
    """Return the options of Hydra that argparse would take for others.

    >>> of_hydra(["train", "-cn=other", "seed=1"])
    ['-cn=other']
    """
    return [word for word in words if word.partition("=")[0] in READ_AS_CFG]


def unknown_words(command: str, words: Sequence[str], known: Sequence[str], overrides: bool = False) -> str:
    """Return the message about words that a command does not take.

    Parameters
    ----------
    command : its name.
    words : what it does not know.
    known : its options.
    overrides : whether it takes overrides.

    >>> unknown_words("train", ["--dryrun"], ["--dry-run", "--debug"])
    'train does not know --dryrun; did you mean --dry-run?'
    """
    from cadc.configuration.suggestions import nearest

    first = next((word.partition("=")[0] for word in words if word.startswith("-")), words[0])
    answer = next((text for flags, text in OF_HYDRA.items() if first in flags), None)
    if answer is None and overrides and first.startswith("--"):
        answer = _without_dashes(next(word for word in words if word.startswith(first)))
    near = [] if answer else nearest(first, known)
    hint = answer or (f"did you mean {' or '.join(near)}?" if near else f"`cadc {command} --help` lists what it takes")
    return f"{command} does not know {' '.join(words)}; {hint}{'' if hint.endswith('?') else '.'}"


def _without_dashes(word: str) -> str | None:
    """Return the answer to an override that is written as an option, such as `--seed=3` or `--batch-size`."""
    from cadc.configuration.compose import composed_config
    from cadc.configuration.groups import groups
    from cadc.configuration.nested import leaves
    from cadc.configuration.suggestions import KEY_SYNONYMS

    flag, equals, value = word.partition("=")
    name = flag.lstrip("-").replace("-", "_").lower()
    keys = [*groups(), *(key for key in leaves(composed_config([])) if not key.startswith("choices."))]
    same_end = [key for key in keys if name == key.rpartition(".")[2]]
    meant = [name] if name in keys else same_end or KEY_SYNONYMS.get(name, ())
    written = [f"{key}={value if equals else 'VALUE'}" for key in meant]
    return f"an override has no dashes: {' or '.join(written)}" if written else None
