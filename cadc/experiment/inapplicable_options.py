"""Grids that sweep components: an option applies to the components that have it, and is removed for the others."""

from collections.abc import Sequence

from cadc.configuration.groups import default_options, groups, keys_of

Overrides = tuple[str, ...]


def without_inapplicable_options(cells: Sequence[tuple[str, Overrides]]) -> list[tuple[str, Overrides]]:
    """Return the runs of a grid without the options that only other components of the grid have.

    So `embedding=full,lma embedding.ratio=4,16` is the full table once, and the compressed one at two ratios. An option
    that no component of the grid has stays, and is rejected when the overrides are composed.

    Parameters
    ----------
    cells : arm and overrides of each run.
    """
    options = _Options()
    keys = (options.split(text) for _, overrides in cells for text in overrides)
    chosen = {cell: options.chosen(cell[1]) for cell in dict.fromkeys(cells)}
    known = {
        (group, option)
        for group, option in {key for key in keys if key is not None}
        if any(option in options.of(group, own[group]) for own in chosen.values())
    }

    def applies(text: str, own: dict[str, str]) -> bool:
        key = options.split(text)
        return key is None or key not in known or key[1] in options.of(key[0], own[key[0]])

    kept = [
        (arm, tuple(text for text in overrides if applies(text, chosen[arm, overrides]))) for arm, overrides in cells
    ]
    return list(dict.fromkeys(kept))


class _Options:
    """Options of the components of each group, read once."""

    def __init__(self) -> None:
        self.defaults = dict(default_options())
        self.groups = {group for group in groups() if "/" not in group}
        self._of: dict[tuple[str, str], set[str]] = {}

    def split(self, override: str) -> tuple[str, str] | None:
        """Return the group and option that an override such as `embedding.ratio=16` sets; None if it sets no option."""
        group, dot, rest = override.lstrip("+").partition("=")[0].partition(".")
        return (group, rest.partition(".")[0]) if dot and group in self.groups else None

    def chosen(self, overrides: Overrides) -> dict[str, str]:
        """Return the component of each group."""
        named = dict(text.split("=", 1) for text in overrides if text.partition("=")[0] in self.groups)
        return self.defaults | named

    def of(self, group: str, component: str) -> set[str]:
        """Return the options of a component; empty if it does not exist, which is reported when it is composed."""
        if (group, component) not in self._of:
            self._of[group, component] = set(keys_of(group, component))
        return self._of[group, component]
