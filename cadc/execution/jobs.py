"""Jobs: overrides are composed, checked and given a run id before anything is run."""

from collections.abc import Sequence
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
from cadc.terminal.progress import Report, display


@dataclass(frozen=True)
class Job:
    """A run that was asked for.

    Parameters
    ----------
    overrides : `key=value`, as given.
    config : the composed configuration.
    run_id, code : its id, and the hash of the code that can change its result.
    """

    overrides: tuple[str, ...]
    config: dict[str, Any]
    run_id: str
    code: str


def plan(combinations: Sequence[Sequence[str]]) -> list[Job]:
    """Return the job of each list of overrides; data that is not prepared yet is prepared.

    Raises
    ------
    CadcError : for the first wrong override or unreadable data, before anything is run.
    """
    configs = [compose_config(overrides) for overrides in combinations]
    for config in configs:
        check(config)
    jobs = []
    for overrides, config in zip(combinations, configs, strict=True):
        run_id, code = run_identity(config, open_log(config))
        jobs.append(Job(tuple(overrides), config, run_id, code))
    return jobs


def runnable_cells(cells: Sequence[Cell], report: Report | None = None) -> list[Cell]:
    """Leave out cells whose model needs a column that the data set cannot have, such as an oracle on real data."""
    kept = []
    left_out = set()
    for cell in cells:
        config = compose_config(cell.overrides)
        needed = getattr(load_class(config["model"][TARGET]), "needs_columns", ())
        offered = getattr(load_class(config["data"][TARGET]), "extra_columns", ())
        if set(needed) <= set(offered):
            kept.append(cell)
        else:
            left_out.add(f"arm {cell.arm!r} is left out: {config['choices']['data']} has no column {', '.join(needed)}")
    for line in sorted(left_out):
        (report or display().write)(line)
    if not kept:
        raise UsageError("no arm can run on this data set; choose another data set or another arm.")
    return kept
