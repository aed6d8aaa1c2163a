"""The directive `configuration-reference`: every group, option and key of `conf/`, from its YAML files.

A key's default and its trailing comment stand in the file; there is no second place that says them.
"""

from collections.abc import Iterator
from pathlib import Path

from generated import add_directive, first_sentence, table
from sphinx.application import Sphinx

from cadc.configuration.class_lookup import load_class
from cadc.configuration.commented_keys import Key, commented_keys, group_comments
from cadc.paths import conf_dir

TARGET = "_target_"


def keys_of(path: Path) -> Iterator[Key]:
    """Yield the keys of a file, those of the files that its `defaults` name first.

    Raises
    ------
    ValueError : for a key without a comment, since nothing else explains it.
    """
    for key in commented_keys(path):
        if not key.comment and key.name != TARGET and "." not in key.name:
            raise ValueError(f"{path}: {key.name} has no comment; say what it is, with its unit or reason.")
        yield key


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
    comments = {group: f"{text[0].upper()}{text[1:]}." for group, text in group_comments().items()}
    parts = ["## Beside the groups", _rows(list(keys_of(folder / "config.yaml")))]
    groups = sorted({path.parent.relative_to(folder).as_posix() for path in folder.rglob("*.yaml")} - {"."})
    for group in groups:
        options = sorted(path for path in (folder / group).glob("*.yaml") if not path.stem.startswith("_"))
        names = ", ".join(f"`{path.stem}`" for path in options)
        parts += [f"## `{group}`", comments[group], f"Options: {names}."]
        parts += [_option(path, group) for path in options]
    return "\n\n".join(part for part in parts if part)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    return add_directive(app, "configuration-reference", markdown)
