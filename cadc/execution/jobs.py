"""Runs that are wanted: what the words ask for is composed, checked and given its identity before anything is run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cadc.configuration.class_lookup import load_class
from cadc.configuration.components import TARGET
from cadc.configuration.compose import compose_config
from cadc.configuration.settings import check
from cadc.errors import UsageError
from cadc.experiment import Cell
from cadc.ledger.identity import run_identity
from cadc.pipeline.build import open_log
from cadc.terminal.progress import display

Say = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """A run that is wanted.

    Parameters
    ----------
    words : the overrides that it was asked for with.
    config : what they compose to.
    run_id, code : its identity.
    """

    words: tuple[str, ...]
    config: dict[str, Any]
    run_id: str
    code: str


def plan(combinations: Sequence[Sequence[str]]) -> list[Job]:
    """Return the runs of several lists of overrides; data is prepared where it was not yet.

    Raises
    ------
    CadcError : for the first wrong word or unreadable data, before anything is run.
    """
    configs = [compose_config(words) for words in combinations]
    for config in configs:
        check(config)
    jobs = []
    for words, config in zip(combinations, configs, strict=True):
        run_id, code = run_identity(config, open_log(config))
        jobs.append(Job(tuple(words), config, run_id, code))
    return jobs


def without_impossible(cells: Sequence[Cell], say: Say | None = None) -> list[Cell]:
    """Leave out the cells whose model needs a column that the data set cannot have (an oracle of real data)."""
    kept = []
    left_out = set()
    for cell in cells:
        config = compose_config(cell.words)
        needed = getattr(load_class(config["model"][TARGET]), "needs_columns", ())
        offered = getattr(load_class(config["data"][TARGET]), "extra_columns", ())
        if set(needed) <= set(offered):
            kept.append(cell)
        else:
            left_out.add(f"the arm {cell.arm!r} is left out: {config['choices']['data']} has no {', '.join(needed)}")
    for line in sorted(left_out):
        (say or display().say)(line)
    if not kept:
        raise UsageError("no arm is left, so there is nothing to run.")
    return kept
