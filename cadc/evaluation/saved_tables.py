"""The table that a run saves of the part it was evaluated on, one kind for each task, and its usual metrics."""

from dataclasses import dataclass
from typing import Literal

from cadc.storage.run_files import RANKS, SCORES

Task = Literal["ctr", "ranking"]


@dataclass(frozen=True)
class SavedTable:
    """What runs of one task save.

    Parameters
    ----------
    file : its name in the run's folder.
    key : columns that identify a row.
    truth : columns in which two runs on the same part must agree.
    value : column that the model answers with.
    leading : metrics that every record of an evaluated run holds, and that tables show unless told otherwise.
    each_epoch : metrics of the validation part that are computed after each epoch, and recorded.
    monitor : of these, the metric that training keeps the best epoch by, and stops by.
    recorded : metrics of the saved table that are recorded, those of `leading` first; others are computed from the
        table when they are asked for.
    """

    file: str
    key: tuple[str, ...]
    truth: tuple[str, ...]
    value: str
    leading: tuple[str, ...]
    each_epoch: tuple[str, ...]
    monitor: str
    recorded: tuple[str, ...]


_OF_LISTS = tuple(f"{kind}@{length}" for length in (5, 10, 20) for kind in ("hr", "ndcg", "recall"))

SAVED: dict[Task, SavedTable] = {
    "ctr": SavedTable(
        file=SCORES,
        key=("row",),
        truth=("label",),
        value="probability",
        leading=("auc", "logloss"),
        each_epoch=("auc", "logloss"),
        monitor="logloss",
        recorded=("auc", "logloss", "ece", "gauc"),
    ),
    "ranking": SavedTable(
        file=RANKS,
        key=("user", "item"),
        truth=(),
        value="rank",
        leading=("hr@10", "ndcg@10"),
        each_epoch=(*_OF_LISTS, "mrr"),
        monitor="ndcg@10",
        recorded=(*_OF_LISTS, "mrr", "cold_share"),
    ),
}
"""By task. Probabilities are float64 from 0 to 1, labels 0 or 1; ranks are float64 from 1, infinite for a miss."""
