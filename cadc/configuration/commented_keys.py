"""Keys of the options in `conf/` with their defaults and comments, which stand in the YAML files alone."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from cadc.configuration.groups import files_of
from cadc.paths import conf_dir

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C, which is ten times as fast, where it is installed."""

BESIDE_CONFIG = {
    "data/split": "which rows train, validate and test",
    "data/transform": "what becomes of dense columns: fitted to the training part, applied to all parts and new rows",
    "tune": "search spaces of `cadc tune`; `tune=mine.yaml` takes a file that says what differs from `default`",
    "trainer/callbacks": "callbacks of Lightning that are called between epochs; a list, [early_stopping]",
}
"""Groups that `conf/config.yaml` does not list."""


@dataclass(frozen=True)
class Key:
    """A key of a file: its name with dots, its default as it is written, and its comment."""

    name: str
    default: str
    comment: str


def commented_keys(path: Path) -> list[Key]:
    """Return the keys of a file, those of the files that its `defaults` name first; without `_target_`'s keys.

    Parameters
    ----------
    path : of an option, or of `config.yaml`.

    >>> commented_keys(conf_dir() / "sampler" / "uniform.yaml")[1]
    Key(name='rate', default='1.0', comment='share of the training rows kept, in (0, 1]')
    """
    text = path.read_text("utf-8")
    root = yaml.compose(text, Loader=LOADER)
    found: dict[str, Key] = {}
    if not isinstance(root, yaml.MappingNode):
        return []
    for base in _bases(path, root):
        found |= {key.name: key for key in commented_keys(base)}
    for key in _keys(root, text.splitlines(), ""):
        inherited = found[key.name].comment if key.name in found else ""
        found[key.name] = Key(key.name, key.default, key.comment or inherited)
    return list(found.values())


def nested_defaults(group: str, option: str) -> dict[str, str]:
    """Return the options of groups inside a group that an option chooses, such as the split of a data set.

    >>> nested_defaults("data", "synthetic")
    {'data/split': 'random', 'data/transform': 'none'}
    """
    path = files_of(group).get(option)
    root = yaml.compose(path.read_text("utf-8"), Loader=LOADER) if path else None
    entries = [value for name, value in root.value if name.value == "defaults"] if root else []
    found = [node for entry in entries for node in entry.value if isinstance(node, yaml.MappingNode)]
    return {f"{group}/{name.value}": str(value.value) for node in found for name, value in node.value}


def group_comments() -> dict[str, str]:
    """Return what each group chooses, in the order of `conf/config.yaml`, the groups inside a group after it."""
    lines = (conf_dir() / "config.yaml").read_text("utf-8").splitlines()
    listed = (re.match(r"  - (\S+): (?:\[\]|\S+)\s+# (.*)", line) for line in lines)
    found: dict[str, str] = {}
    for line in filter(None, listed):
        found[line[1]] = line[2]
        found |= {name: text for name, text in BESIDE_CONFIG.items() if name.startswith(f"{line[1]}/")}
    return found | BESIDE_CONFIG


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
