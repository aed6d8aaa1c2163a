"""Jobs: overrides are composed, checked and given a run id before anything is run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cadc.configuration.components import Component
from cadc.errors import UsageError
from cadc.experiment import Cell
from cadc.ledger.identity import run_identity
from cadc.loggers.logger import RunLogger
from cadc.pipeline.build import open_log
from cadc.pipeline.compatibility import require_compatible
from cadc.pipeline.settings import Settings
from cadc.provenance.energy import require_codecarbon
from cadc.provenance.pinned_kernels import require_kernels
from cadc.terminal.progress import Report, display


@dataclass(frozen=True)
class Job:
    """A run that was asked for.

    Parameters
    ----------
    overrides : `key=value`, as given.
    settings : what they ask for.
    run_id, code : its id, and the hash of the code that can change its result.
    data : name, content hash and hashes of the files of its log, as a record has them.
    """

    overrides: tuple[str, ...]
    settings: Settings
    run_id: str
    code: str
    data: Mapping[str, Any] = field(default_factory=dict)


def plan(combinations: Sequence[Sequence[str]]) -> list[Job]:
    """Return the job of each list of overrides; data that is not prepared yet is prepared.

    Raises
    ------
    CadcError : for the first wrong override or unreadable data, before anything is run.
    """
    require_kernels()
    wanted = [Settings.compose(overrides) for overrides in combinations]
    for settings in wanted:
        require_compatible(settings)
        if settings.measures_energy:
            require_codecarbon()
        Component.read(settings.config["logger"], "logger", RunLogger).cls.require_installed()
    jobs = []
    for overrides, settings in zip(combinations, wanted, strict=True):
        log = open_log(settings)
        data = {name: log.meta[name] for name in ("name", "content_hash", "files")}
        if log.rating_hash:
            data["rating_hash"] = log.rating_hash
        jobs.append(Job(tuple(overrides), settings, *run_identity(settings, log), data))
    return jobs


def runnable_cells(cells: Sequence[Cell], report: Report | None = None) -> list[Cell]:
    """Leave out cells whose model or views need a column that the data set cannot have: an oracle, or ratings."""
    kept = []
    left_out = set()
    for cell in cells:
        settings = Settings.compose(cell.overrides)
        reads_ratings = any(view.cls.reads_ratings for view in settings.views.values())
        needed = [*settings.model.cls.needs_columns, *(["rating"] if reads_ratings else [])]
        if set(needed) <= set(settings.source.cls.extra_columns):
            kept.append(cell)
        else:
            name = settings.config["choices"]["data"]
            left_out.add(f"arm {cell.arm!r} is left out: {name} has no column {', '.join(dict.fromkeys(needed))}")
    for line in sorted(left_out):
        (report or display().write)(line)
    if not kept:
        raise UsageError("no arm can run on this data set; choose another data set or another arm.")
    return kept
