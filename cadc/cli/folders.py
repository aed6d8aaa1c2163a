"""Where the results of a grid go: a folder that says in its name what differs from the experiment."""

import re
from collections.abc import Sequence
from pathlib import Path

from cadc.paths import results_dir
from cadc.provenance.fingerprint import digest

OUTPUTS = Path("outputs")
RESULTS = Path("results")
"""Holds results of whole, unchanged grids alone; in a checkout it is under version control."""

LONGEST = 120
"""Most characters of a folder's name that tell what differs; a hash stands for the rest."""

WITHOUT_EFFECT = (
    "logger",
    "threads",
    *(
        f"trainer.{name}"
        for name in ("accelerator", "devices", "strategy", "tables", "checkpoint_minutes", "progress", "fleet")
    ),
)
"""Keys that change no result. The trainer's class names its own, but takes a second to import."""

OVERRIDE = re.compile(r"[\w.]+=[\w.,+-]*", re.ASCII)
ARM = re.compile(r"arm=[\w.+-]+", re.ASCII)


def folders_of_results(name: str, *others: Path) -> list[Path]:
    """Return the folders that may hold committed records of an experiment: here, and in the source tree.

    Parameters
    ----------
    name : of the experiment.
    others : folders that come before these.
    """
    places = [*others, RESULTS / name, results_dir() / name]
    # Of several names of one folder the first counts.
    return list({place.resolve(): place for place in reversed(places)}.values())[::-1]


def output_folder(name: str, overrides: Sequence[str] = (), fast: bool = False, arms: Sequence[str] = ()) -> Path:
    """Return the folder in `outputs` of an experiment's results, of its own for every grid.

    Overrides that change no result, such as `logger=wandb`, are not in its name, nor is the order of the others.

    Parameters
    ----------
    name : of the experiment.
    overrides, fast, arms : what differs from it.

    >>> str(output_folder("samplers", ["seed=3", "data=ml-100k", "threads=2"], fast=True))
    'outputs/samplers-fast,data=ml-100k,seed=3'
    """
    from cadc.configuration.overrides import key_of

    by_key = {key: f"{key}={text.partition('=')[2]}" for text in overrides if _counts(key := key_of(text))}
    own = [("fast", True)] if fast else []
    own += [(text, bool(ARM.fullmatch(text))) for text in (f"arm={arm}" for arm in dict.fromkeys(arms))]
    own += [(by_key[key], bool(OVERRIDE.fullmatch(by_key[key]))) for key in sorted(by_key)]
    if not own:
        return OUTPUTS / name
    texts = [text for text, _ in own]
    told = re.sub(r"[^\w.,=+-]+", "_", ",".join(texts), flags=re.ASCII)
    if len(told) > LONGEST or not all(is_plain for _, is_plain in own):
        told = f"{told[:LONGEST]}-{digest(texts)[:8]}"
    return OUTPUTS / f"{name}-{told}"


def _counts(key: str) -> bool:
    """Tell whether a key can change a result."""
    return key not in WITHOUT_EFFECT and not key.startswith("logger.")
