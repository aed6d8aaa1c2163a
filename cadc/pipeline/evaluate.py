"""How a run is judged: scores, or ranks, of a held-out part, and the metrics that follow from them."""

import pandas as pd
import torch

from cadc.data.log import InteractionLog
from cadc.data.seen_ids import entity_counts
from cadc.errors import DataError
from cadc.evaluation.prefixes import prefixed
from cadc.evaluation.ranking import rows_before
from cadc.evaluation.saved_metrics import metrics_of
from cadc.evaluation.saved_tables import Task
from cadc.evaluation.tasks import BY_TASK
from cadc.evaluation.user_coherence import COHERENCE, user_coherence
from cadc.models.model import Model
from cadc.pipeline.settings import Settings
from cadc.sampling.sampler import Sample
from cadc.training.fit_result import FitResult


def evaluate(
    settings: Settings, model: Model, log: InteractionLog, sample: Sample, fit: FitResult | None
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Evaluate the model on the part that the run is judged by.

    Returns
    -------
    table : scores or ranks, a row for each held-out row; see `score` and `with_activity`.
    metrics : of that part, and of the validation part if another part judges, under the names of a record.

    Raises
    ------
    CadcError : if a score is NaN or infinite.
    """
    split, of_task = settings.evaluated, settings.task
    held_out: dict[str, float] = {}
    if split == "test":
        # First, since the model is to serve with what was known at the test.
        held_out = fit.validation if fit else metrics_of(score(model, log, "validation", of_task), of_task)
    table = score(model, log, split, of_task)
    metrics = prefixed(split, metrics_of(table, of_task)) | prefixed("validation", held_out)
    return with_activity(table, log, sample, split), metrics


def score(model: Model, log: InteractionLog, split: str, of_task: Task = "ctr") -> pd.DataFrame:
    """Return the scores of all rows of a part, or the ranks of its items; see `HeldOutRows` and `HeldOutRanks`.

    Items are ranked with the histories of users up to that part, which the model remembers from then on.

    Raises
    ------
    CadcError : if a score is NaN or infinite.
    """
    model.eval()
    if of_task == "ranking":
        model.remember(log, rows_before(log, split))
    with torch.inference_mode():
        return BY_TASK[of_task](log, split).table(model)


def with_activity(table: pd.DataFrame, log: InteractionLog, sample: Sample, split: str) -> pd.DataFrame:
    """Add to each row how often its user and its item occur in the sample and in the training part, int32."""
    place = pd.Index(log.column("row", split)).get_indexer(table["row"])
    added = {}
    for side in log.entities:
        own = log.column(side, split)[place]
        for name, rows in (("sample", sample.rows), ("train", log.rows("train"))):
            added[f"{side}_rows_{name}"] = entity_counts(log, side, rows).numpy().astype("int32")[own]
    return table.assign(**added)


def with_coherence(table: pd.DataFrame, log: InteractionLog, split: str) -> pd.DataFrame:
    """Add to each row how surprising the training items of its user are, alone and given one another, float32.

    See `cadc.evaluation.coherence`; nothing is added to a log whose users have too many pairs of items.
    """
    if (found := user_coherence(log)) is None:
        return table
    place = pd.Index(log.column("row", split)).get_indexer(table["row"])
    user = log.column("user", split)[place]
    values = zip(COHERENCE, (found.surprise, found.conditional), strict=True)
    return table.assign(**{name: own[user].astype("float32") for name, own in values})


def require_labels(log: InteractionLog, of_task: str) -> None:
    """Raise a DataError if the labels of a part allow no metric: all of one class, or no positive to rank."""
    for split, n_positive in log.meta["positives"].items():
        if n_positive == 0 or (of_task == "ctr" and n_positive == log.n_rows(split)):
            why = "AUC is undefined" if of_task == "ctr" else "there is no item to rank"
            raise DataError(
                f"all {log.n_rows(split)} labels of the {split} part of {log.meta['name']} are "
                f"{int(n_positive > 0)}, so {why}; choose another label threshold or split."
            )
