"""`cadc train --help`: the groups, options and keys of the configuration, with the comments of their files."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap

from cadc.configuration.commented_keys import Key, commented_keys, group_comments, nested_defaults
from cadc.configuration.groups import default_options, files_of, groups
from cadc.configuration.signatures import signature_of
from cadc.configuration.suggestions import nearest_keys
from cadc.errors import UsageError, shown
from cadc.paths import conf_dir

TARGET = "_target_"
KEY_WIDTH = 32
"""Columns of a key and its default; the comment of a longer one begins on the next line."""


def configuration_help(overrides: Sequence[str]) -> Iterator[str]:
    """Yield the groups with their options, and the keys of the options that are chosen.

    Parameters
    ----------
    overrides : those of groups choose whose keys are listed; the others do not matter here.

    Raises
    ------
    UsageError : for an option that does not exist.
    """
    chosen = chosen_options_of(overrides)
    known = groups()
    yield "groups, GROUP=OPTION; the option in brackets is chosen:"
    for group, comment in group_comments().items():
        if group in known:
            options = (f"[{own}]" if own in listed(chosen.get(group, "")) else own for own in known[group])
            yield from _entry(f"{group}=", comment)
            yield from _wrapped(", ".join(options), 6)
    yield ""
    yield "keys, KEY=VALUE, with the defaults of the chosen options:"
    yield from _lines(commented_keys(conf_dir() / "config.yaml"), "")
    for group in group_comments():
        for option in listed(chosen.get(group, "")):
            yield from _lines(commented_keys(files_of(group)[option]), group.replace("/", "."))
    yield ""
    yield from _wrapped(
        "`cadc train --help GROUP` lists the keys of each option of a group, `--help GROUP=OPTION` those of one, "
        "`--help KEY` explains a key; `cadc train GROUP=OPTION --help` lists the keys beside other options.",
        0,
    )


def help_on(topic: str) -> Iterator[str]:
    """Yield what there is to say about a group, an option or a key.

    Parameters
    ----------
    topic : such as `embedding`, `embedding=qr` or `trainer.patience`.

    Raises
    ------
    UsageError : if there is no such group, option or key.
    """
    known = {**groups(), "tune": sorted(files_of("tune"))}
    group, _, option = topic.partition("=")
    group = group.removesuffix(".").replace(".", "/") if group.replace(".", "/") in known else group
    if group in known and not option:
        yield f"{group}: {group_comments().get(group, '')}".rstrip(": ")
        for own in known[group]:
            yield ""
            yield from _option(group, own)
    elif group in known:
        if option not in known[group]:
            raise UsageError(f"{topic} does not exist; choose one of {', '.join(known[group])}.")
        yield from _option(group, option)
    else:
        yield from _key(group, known)


def _option(group: str, option: str) -> Iterator[str]:
    keys = commented_keys(files_of(group)[option])
    prefix = group.replace("/", ".")
    title = f"{group}={option}"
    for key in keys:
        if key.name.rpartition(".")[2] == TARGET and key.name.count(".") <= 1 and not title.endswith(":"):
            signature = signature_of(key.default)
            said = [text for text in (signature.summary if signature else "", key.comment) if text]
            title = f"{title}: {'; '.join(said)}" if said else f"{title}:"
    yield from _wrapped(title, 0)
    yield from _lines(keys, prefix)


def _key(key: str, known: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield a key with the default and comment that each option has for it."""
    beside = [own for own in commented_keys(conf_dir() / "config.yaml") if own.name == key]
    if beside:
        yield from _lines(beside, "")
        return
    everything = [
        (f"{prefix}.{own.name}", group, option, own)
        for group, options in known.items()
        for prefix in [group.replace("/", ".")]
        for option in options
        for own in commented_keys(files_of(group)[option])
    ]
    found: dict[Key, list[str]] = {}
    for name, group, option, own in everything:
        if name == key:
            found.setdefault(own, []).append(f"{group}={option}")
    if not found:
        near = nearest_keys(key, sorted({*known, *(name for name, *_ in everything)}))
        hint = f"did you mean {' or '.join(near)}?" if near else f"the groups are {', '.join(known)}."
        raise UsageError(f"there is no group or key {shown(key)}; {hint}")
    for own, owners in found.items():
        yield from _entry(f"{key}={own.default}", own.comment)
        yield from _wrapped(f"of {', '.join(owners)}", 6)


def chosen_options_of(overrides: Sequence[str]) -> dict[str, str]:
    """Return the option of each group, those inside a group included."""
    known = groups()
    pairs = [text.lstrip("+").partition("=")[::2] for text in overrides]
    asked = {group: option for group, option in pairs if group in known}
    for group, option in asked.items():
        for own in listed(option):
            if own not in known[group]:
                raise UsageError(f"{group}={own} does not exist; choose one of {', '.join(known[group])}.")
    chosen = {**default_options(), **asked}
    inside = {inner: name for group, own in chosen.items() for inner, name in nested_defaults(group, own).items()}
    return {**inside, **chosen}


def listed(option: str) -> list[str]:
    """Return the options that an override chooses: views take a list, and null chooses none."""
    names = [name.strip() for name in option.strip("[]").split(",")]
    return [name for name in names if name not in ("", "null")]


def _lines(keys: Sequence[Key], prefix: str) -> Iterator[str]:
    for key in keys:
        if key.name.rpartition(".")[2] == TARGET:
            continue
        name = f"{prefix}.{key.name}" if prefix else key.name
        if key.default:
            yield from _entry(f"{name}={key.default}", key.comment)
        elif key.comment:
            yield from _entry(f"{name}:", key.comment)


def _entry(head: str, comment: str) -> Iterator[str]:
    """Yield a key and its comment in two columns."""
    lines = wrap(comment, _width() - KEY_WIDTH - 2, break_on_hyphens=False) or [""]
    if len(head) > KEY_WIDTH - 2:
        yield from _wrapped(head, 2)
    else:
        yield f"  {head:{KEY_WIDTH}}{lines.pop(0)}".rstrip()
    yield from (f"{'':{KEY_WIDTH + 2}}{line}" for line in lines)


def _wrapped(text: str, indent: int) -> list[str]:
    margin = " " * indent
    return wrap(text, _width(), initial_indent=margin, subsequent_indent=margin or "  ", break_on_hyphens=False)


def _width() -> int:
    return min(max(shutil.get_terminal_size().columns, 60), 120)
