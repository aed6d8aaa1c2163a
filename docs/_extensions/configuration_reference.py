"""The directive `configuration-reference`: every group, option and key of `conf/`, from its YAML files.

A key's default and its trailing comment stand in the file; there is no second place that says them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from generated import add_directive, first_sentence, table
from sphinx.application import Sphinx

from cadc.configuration.class_lookup import load_class
from cadc.paths import conf_dir

TARGET = "_target_"


@dataclass(frozen=True)
class Key:
    """A key of a file: its name with dots, its default as it is written, and its comment."""

    name: str
    default: str
    comment: str


def keys_of(path: Path) -> Iterator[Key]:
    """Yield the keys of a file, those of the files that its `defaults` name first.

    Raises
    ------
    ValueError : for a key without a comment, since nothing else explains it.
    """
    text = path.read_text()
    root = yaml.compose(text)
    found: dict[str, Key] = {}
    for base in _bases(path, root):
        found |= {key.name: key for key in keys_of(base)}
    for key in _keys(root, text.splitlines(), ""):
        if not key.comment and key.name in found:
            key = Key(key.name, key.default, found[key.name].comment)
        if not key.comment and key.name != TARGET and "." not in key.name:
            raise ValueError(f"{path}: {key.name} has no comment; say what it is, with its unit or reason.")
        found[key.name] = key
    yield from found.values()


def _bases(path: Path, root: yaml.MappingNode) -> Iterator[Path]:
    for name, value in root.value:
        for entry in value.value if name.value == "defaults" else ():
            if isinstance(entry, yaml.ScalarNode) and entry.value != "_self_":
                base = entry.value.partition("@")[0]
                yield (conf_dir() / base[1:] if base.startswith("/") else path.parent / base).with_suffix(".yaml")


def _keys(node: yaml.MappingNode, lines: list[str], prefix: str) -> Iterator[Key]:
    for name, value in node.value:
        if not prefix and name.value == "defaults":
            continue
        line = lines[name.start_mark.line]
        is_block = isinstance(value, yaml.MappingNode) and not value.flow_style
        start, end = name.end_mark.column + 1, value.end_mark.column
        comment = re.search(r"#\s*(.*)$", line[start if is_block else end :])
        default = "" if is_block else line[start:end].strip()
        yield Key(prefix + name.value, default, comment[1] if comment else "")
        if is_block:
            yield from _keys(value, lines, f"{prefix}{name.value}.")


def _group_comments() -> dict[str, str]:
    """Return what `conf/config.yaml` says of each group that it lists."""
    lines = (conf_dir() / "config.yaml").read_text().splitlines()
    found = (re.match(r"  - (\S+): \S+\s+# (.*)", line) for line in lines)
    return {line[1]: f"{line[2][0].upper()}{line[2][1:]}." for line in found if line}


def _rows(keys: list[Key]) -> str:
    shown = [
        (f"`{key.name}`", f"`{key.default}`" if key.default else "", key.comment)
        for key in keys
        if key.default or key.comment
    ]
    return table(("key", "default", "meaning"), shown)


def _option(path: Path, group: str) -> str:
    keys = list(keys_of(path))
    target = next((key for key in keys if key.name == TARGET), None)
    title = f"### `{group}={path.stem}`"
    said = ""
    if target:
        said = first_sentence(load_class(target.default).__doc__)
        said = f"{said} Class `{target.default}`." + (f" *{target.comment}.*" if target.comment else "")
    others = [key for key in keys if key.name != TARGET]
    return "\n\n".join(part for part in (title, said, _rows(others) if others else "It has no keys.") if part)


def markdown() -> str:
    """Return the whole reference."""
    folder = conf_dir()
    comments = _group_comments()
    parts = ["## Beside the groups", _rows(list(keys_of(folder / "config.yaml")))]
    groups = sorted({path.parent.relative_to(folder).as_posix() for path in folder.rglob("*.yaml")} - {"."})
    for group in groups:
        options = sorted(path for path in (folder / group).glob("*.yaml") if not path.stem.startswith("_"))
        names = ", ".join(f"`{path.stem}`" for path in options)
        parts += [f"## `{group}`", comments.get(group) or GROUPS[group], f"Options: {names}."]
        parts += [_option(path, group) for path in options]
    return "\n\n".join(part for part in parts if part)


GROUPS = {
    "data/split": "Which rows train, validate and test.",
    "data/transform": "What becomes of dense columns: fitted to the training part, applied to all parts and new rows.",
    "tune": "Search spaces of `cadc tune`; `tune=mine.yaml` takes a file that says what differs from `default`.",
}
"""Groups that `conf/config.yaml` does not list."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    return add_directive(app, "configuration-reference", markdown)
