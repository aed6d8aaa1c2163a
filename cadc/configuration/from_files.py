"""What a file may set: keys of a run and, where it belongs, of its tuning.

Files travel: `@best.yaml`, an `experiment.yaml`, a `tuned.yaml`, a search space. So none of them chooses what starts
processes (launchers), where copies of runs go (loggers), or which folder or database is written to; the command line
does. All readers of such files ask here.
"""

import re
from collections.abc import Collection, Sequence

from cadc.configuration.checks import BESIDE_GROUPS
from cadc.configuration.groups import groups
from cadc.configuration.overrides import key_of
from cadc.errors import UsageError, shown

NOT_OF_A_RUN = ("logger",)
"""Groups of the configuration that change no result, but send copies of it to folders and servers."""

OF_A_TUNING = (
    "space",
    "trials",
    "seconds",
    "timeout",
    "repeats",
    "metric",
    "direction",
    "sampler",
    "pruner",
    "startup",
    "name",
    "seed",
)
"""Keys of the group `tune` that a file may set; the others name its database and its processes."""

KEY = re.compile(r"\+{0,2}([a-z_]+)(?:[./][\w-]+)*", re.ASCII)


def keys_for_files() -> list[str]:
    """Return the groups, and the keys beside them, that a file may set."""
    return [*sorted({group.partition("/")[0] for group in groups()} - {*NOT_OF_A_RUN}), *BESIDE_GROUPS]


def is_for_files(key: str, allowed: Collection[str]) -> bool:
    """Tell whether a file may set a key.

    Parameters
    ----------
    key : of an override or a search space, such as `sampler.rate`.
    allowed : groups, and keys beside them.
    """
    found = KEY.fullmatch(key)
    return found is not None and found[1] in allowed and not re.search(r"(?:^|[./])_", key)


def require_overrides_for_files(overrides: Sequence[str], where: str, tuning: bool = False) -> None:
    """Raise a UsageError for an override that a file may not hold.

    Parameters
    ----------
    overrides : `key=value`, as the file holds them.
    where : the file, for the message.
    tuning : whether keys of the tuning, such as `tune.trials`, may be among them.
    """
    allowed = keys_for_files()
    for text in overrides:
        key = text.partition("=")[0]
        if tuning and _is_of_tuning(key):
            continue
        # The grammar has the last word about what is set.
        if not is_for_files(key, allowed) or re.split("[./]", key_of(text))[0] not in allowed:
            raise _refusal(key, where, allowed)


def _is_of_tuning(key: str) -> bool:
    names = key.split(".")
    return names == ["tune"] or (names[0] == "tune" and names[1] in OF_A_TUNING)


def require_space_for_files(keys: Collection[str], where: str) -> None:
    """Raise a UsageError for a key of a search space that a trial may not set."""
    allowed = keys_for_files()
    for key in keys:
        if not is_for_files(key, allowed):
            raise _refusal(key, where, allowed)


def _refusal(key: str, where: str, allowed: Collection[str]) -> UsageError:
    return UsageError(
        f"{where} sets {shown(key)}, which a file may not set: launchers, loggers, folders and databases are chosen on "
        f"the command line. A file sets keys of a run: those of {', '.join(allowed)}."
    )
