"""What may stand at the end of a command line: commands, options, overrides, experiments, runs, data sets.

A shell asks at every press of the tabulator, so that this reads small files only, and imports neither Hydra nor more.
"""

import argparse
import importlib
import re
from collections.abc import Iterator, Sequence

from cadc.cli.configuration.help import TARGET, chosen_options_of, listed
from cadc.configuration.commented_keys import commented_keys
from cadc.configuration.groups import files_of, groups
from cadc.configuration.signatures import choices_of, signature_of
from cadc.errors import CadcError
from cadc.paths import conf_dir, experiments_dir, runs_dir
from cadc.storage.run_files import RECORD

RUN_ID = re.compile(r"[0-9a-f]{16}")
RUNS = ("run", "runs")
"""Names of arguments that are runs."""
OF_RUNS = ("show", "diff", "verify")
"""Actions of `cadc ledger` whose arguments are runs."""
BESIDE_CONF = {"tune": ("tune",)}
"""Groups that only some commands take."""


def candidates(words: Sequence[str]) -> list[str]:
    """Return what the last word may become, in alphabetical order; empty where a file is expected.

    Parameters
    ----------
    words : after `cadc`; the last is what was typed of the current word, and may be empty.

    >>> candidates(["exp"])
    ['experiment', 'export']
    """
    from cadc.cli import COMMANDS

    *before, current = words or [""]
    commands = [word for word in before if not word.startswith("-")]
    if not commands:
        return _beginning(current, [*COMMANDS, "--help", "--version"] if not before else [])
    if commands[0] not in COMMANDS:
        return []
    parser = argparse.ArgumentParser(add_help=commands[0] != "train")
    importlib.import_module(f"cadc.cli.{commands[0]}").add_arguments(parser)
    parser.add_argument("--debug", action="store_true")
    try:
        return _beginning(current, _of_command(commands[0], parser, before[before.index(commands[0]) + 1 :], current))
    except (CadcError, OSError):
        return []


def _beginning(current: str, found: Sequence[str]) -> list[str]:
    return sorted({word for word in found if word.startswith(current)})


def _of_command(command: str, parser: argparse.ArgumentParser, before: Sequence[str], current: str) -> list[str]:
    """Return what may stand in place of the current word of a command, whatever was typed of it."""
    options = {flag: own for own in parser._actions for flag in own.option_strings}
    last = options.get(before[-1]) if before else None
    if before and before[-1] in ("-h", "--help") and command == "train":
        return [*groups(), "tune"]
    if last is not None and last.nargs != 0:
        if last.choices is not None:
            return [str(own) for own in last.choices]
        return _arms(before) if last.dest == "arm" else []
    if current.startswith("-"):
        return list(options)
    positional = [own for own in parser._actions if not own.option_strings]
    given = _positionals(before, options)
    place = min(len(given), len(positional) - 1)
    if place < 0:
        return []
    own = positional[place]
    if own.choices is not None:
        return [str(choice) for choice in own.choices]
    return _values(command, own, given, current)


def _values(command: str, own: argparse.Action, given: Sequence[str], current: str) -> list[str]:
    """Return the values of a positional argument."""
    if own.dest in RUNS or (command == "ledger" and given[0] in OF_RUNS) or own.metavar == "RUN":
        return list(_run_ids(current))
    if own.dest == "name" and command == "data":
        return groups()["data"]
    if own.dest == "name":
        return list(_experiments())
    if own.dest != "overrides":
        return []
    found = list(_overrides(given, current, command))
    if own.metavar == "NAME":
        found += [*_experiments(), *_run_ids(current)]
    return found


def _positionals(before: Sequence[str], options: dict[str, argparse.Action]) -> list[str]:
    """Return the words that are no options and no values of options."""
    found, skipped = [], False
    for word in before:
        if not word.startswith("-") and not skipped:
            found.append(word)
        own = options.get(word)
        skipped = own is not None and own.nargs is None
    return found


def _overrides(given: Sequence[str], current: str, command: str) -> Iterator[str]:
    """Yield overrides: groups and keys before the `=`, options and listed values after it."""
    known = {**groups(), **{group: sorted(files_of(group)) for group in BESIDE_CONF.get(command, ())}}
    key, equals, typed = current.partition("=")
    if equals:
        # Of several values, the last is completed.
        done = current[: len(current) - len(re.split(r"[,\[]", typed)[-1])]
        yield from (f"{done}{value}" for value in (known.get(key) or _listed_values(key, given, command)))
        return
    yield from (f"{group}=" for group in known)
    names = [name for name, _, _ in _keys(given, command)]
    if "." in current:
        yield from (f"{name}=" for name in names)
    else:
        yield from (f"{name}=" for name in names if "." not in name)
        yield from {f"{name.partition('.')[0]}." for name in names if "." in name}


def _listed_values(key: str, given: Sequence[str], command: str) -> Iterator[str]:
    """Yield the default of a key, and the values that its type lists."""
    for name, default, target in _keys(given, command):
        if name == key:
            signature = signature_of(target)
            hint = signature.hints.get(key.rpartition(".")[2]) if signature else None
            listed_values = [{True: "true", False: "false", None: "null"}.get(own, own) for own in choices_of(hint)]
            yield from (str(own) for own in listed_values)
            if default:
                yield default


def _keys(given: Sequence[str], command: str) -> Iterator[tuple[str, str, str]]:
    """Yield the keys of the chosen options, each with its default and the class that takes it."""
    for key in commented_keys(conf_dir() / "config.yaml"):
        yield key.name, key.default, ""
    chosen = chosen_options_of([text for text in given if "=" in text])
    own = dict.fromkeys(BESIDE_CONF.get(command, ()), "default")
    for group, options in {**chosen, **own}.items():
        for option in listed(options):
            keys = commented_keys(files_of(group)[option])
            targets = {key.name.rpartition(".")[0]: key.default for key in keys if key.name.endswith(TARGET)}
            for key in keys:
                if not key.name.endswith(TARGET):
                    node = key.name.rpartition(".")[0]
                    yield f"{group.replace('/', '.')}.{key.name}", key.default, targets.get(node, "")


def _experiments() -> Iterator[str]:
    yield from (path.parent.name for path in experiments_dir().glob("*/experiment.yaml"))


def _run_ids(current: str) -> Iterator[str]:
    """Yield the ids of finished runs."""
    folder = runs_dir()
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name.startswith(current) and RUN_ID.fullmatch(path.name) and (path / RECORD).exists():
            yield path.name


def _arms(before: Sequence[str]) -> list[str]:
    """Return the arms of the experiment that is named."""
    from cadc.configuration.safe_yaml import load_yaml

    for name in before:
        path = experiments_dir() / name / "experiment.yaml"
        if path.is_file():
            return [str(arm) for arm in load_yaml(path).get("arms") or {}]
    return []
