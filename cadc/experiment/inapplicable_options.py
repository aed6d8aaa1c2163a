"""Words of a grid that sweeps components: an option counts for those that have it, and is left out of the others."""

from collections.abc import Sequence

from cadc.configuration.groups import files_of, groups
from cadc.configuration.safe_yaml import load_yaml
from cadc.paths import conf_dir

Words = tuple[str, ...]


def own_options(cells: Sequence[tuple[str, Words]]) -> list[tuple[str, Words]]:
    """Return the runs of a grid without the options that a run's component lacks and another's of the grid has.

    So `embedding=full,lma embedding.ratio=4,16` is the full table once, and the compressed one at two ratios. An option
    that no component of the grid has stays, and is refused where words are composed.

    Parameters
    ----------
    cells : arm and words of each run.
    """
    options = _Options()
    keys = (options.split(word) for _, words in cells for word in words)
    chosen = {cell: options.chosen(cell[1]) for cell in dict.fromkeys(cells)}
    known = {
        (group, option)
        for group, option in {key for key in keys if key is not None}
        if any(option in options.of(group, own[group]) for own in chosen.values())
    }

    def counts(word: str, own: dict[str, str]) -> bool:
        key = options.split(word)
        return key is None or key not in known or key[1] in options.of(key[0], own[key[0]])

    kept = [(arm, tuple(word for word in words if counts(word, chosen[arm, words]))) for arm, words in cells]
    return list(dict.fromkeys(kept))


class _Options:
    """Which options the components of each group have, read once."""

    def __init__(self) -> None:
        defaults = load_yaml(conf_dir() / "config.yaml")["defaults"]
        self.defaults = {
            group: str(name) for node in defaults if isinstance(node, dict) for group, name in node.items()
        }
        self.groups = {group for group in groups() if "/" not in group}
        self._of: dict[tuple[str, str], set[str]] = {}

    def split(self, word: str) -> tuple[str, str] | None:
        """Return group and option that a word such as `embedding.ratio=16` sets; None where it sets no option."""
        group, dot, rest = word.lstrip("+").partition("=")[0].partition(".")
        return (group, rest.partition(".")[0]) if dot and group in self.groups else None

    def chosen(self, words: Words) -> dict[str, str]:
        """Return the component of each group."""
        named = dict(word.split("=", 1) for word in words if word.partition("=")[0] in self.groups)
        return self.defaults | named

    def of(self, group: str, component: str) -> set[str]:
        """Return the options of a component; none of one that does not exist, which is refused elsewhere."""
        if (group, component) not in self._of:
            path = files_of(group).get(component)
            found = load_yaml(path) if path else None
            self._of[group, component] = set(found) if isinstance(found, dict) else set()
        return self._of[group, component]
