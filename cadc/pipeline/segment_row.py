"""What the record of a stream says of one segment: rows, sizes, bytes, costs and metrics."""

from collections.abc import Mapping, Sequence, Sized
from typing import Any

import pandas as pd
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import EntitySide
from cadc.embeddings.coding.dtypes import TORCH_DTYPES
from cadc.evaluation.newcomers import column_before, metrics_of_newcomers
from cadc.evaluation.prefixes import prefixed
from cadc.evaluation.regret import GAINS, oracle_of_rows, regret
from cadc.evaluation.saved_metrics import defined_metrics, metrics_of
from cadc.factorization.fitted_rows import Fitted
from cadc.models.model import Model
from cadc.pipeline.settings import Settings
from cadc.provenance.costs import Stopwatch
from cadc.sampling.sampler import Sample
from cadc.streams.bytes_held import bytes_held
from cadc.streams.frequencies import sizes_by_frequency
from cadc.streams.policy import Sizes, StreamState
from cadc.streams.protocol import LINEAR_TERM_BYTES, Protocol
from cadc.training.fit_result import FitResult


def with_rows_before(
    table: pd.DataFrame, log: InteractionLog, split: str, before: Mapping[EntitySide, Tensor]
) -> pd.DataFrame:
    """Add to each held-out row how many training rows of earlier segments its user and its item have, int32.

    Parameters
    ----------
    table : scores or ranks of a part.
    log, split : of the segment, and the part.
    before : training rows of each id in earlier segments, *unknown* first, int64, shape [n + 1].
    """
    rows = log.rows(split)[pd.Index(log.column("row", split)).get_indexer(table["row"])]
    added = {}
    for side, counts in before.items():
        ids = log.field_ids(side, rows).long()
        # Ids that have arrived in this segment have none, and *unknown*, 0, never has.
        known = counts.clone()
        known[0] = 0
        added[column_before(side)] = known[ids.where(ids < len(known), 0)].numpy().astype("int32")
    return table.assign(**added)


def rows_and_costs(
    log: InteractionLog, sample: Sample, fit: FitResult, fitted: Sequence[Fitted], watch: Stopwatch, n_replayed: int
) -> dict[str, Any]:
    """Return how many rows a segment read, the seconds of its stages, and its epochs."""
    costs = {key: cost for own in fitted for key, cost in own.cost.items()}.values()
    return {
        "rows": dict(log.meta["rows"])
        | {
            "replayed": n_replayed,
            # Those that are replayed were kept before.
            "kept": int((sample.rows >= n_replayed).sum()),
            "factorized": max((own.n_rows for own in fitted), default=None),
            "read_validation": max([fit.n_validation, *(own.n_validation for own in fitted)]),
        },
        "cost": {"factorize_s": sum(cost["seconds"] for cost in costs)}
        | watch.seconds
        | {"sample_s": watch.seconds["sample_s"] + sample.seconds, "train_s": fit.seconds},
        "epochs": fit.epochs,
        "factorize_epochs": sum(cost["epochs"] for cost in costs),
    }


def sizes_and_bytes(
    settings: Settings, protocol: Protocol, state: StreamState, sizes: Sizes, model: Model, n_reservoir: int
) -> dict[str, Any]:
    """Return how large the rows of a segment are, and the bytes that it holds.

    Parameters
    ----------
    settings, protocol : of the run.
    state : that the policy was asked with.
    sizes : that it gave.
    model : of the segment.
    n_reservoir : rows of the reservoir.
    """
    budget = state.total * TORCH_DTYPES[protocol.dtype].itemsize + LINEAR_TERM_BYTES * linear_terms(settings, sizes)
    return {
        "entities": {side: len(own) - 1 for side, own in sizes.items()},
        "numbers": {side: int(own.sum()) for side, own in sizes.items()},
        "sizes": {side: sizes_by_frequency(state.counts[side], own) for side, own in sizes.items()},
        **bytes_held(model, budget, n_reservoir),
    }


def linear_terms(settings: Settings, rows: Mapping[EntitySide, Sized]) -> int:
    """Return how many linear terms the model of a run has, each of which is a number.

    Parameters
    ----------
    settings : of the run.
    rows : of each side, a collection of as many things as it has rows.
    """
    model = settings.model
    return sum(len(own) * model.cls.numbers_beside(model.options, side, settings.task) for side, own in rows.items())


def metrics_of_segment(
    settings: Settings, table: pd.DataFrame, validation: Mapping[str, float], log: InteractionLog
) -> dict[str, Any]:
    """Return the metrics of a segment, those of new and warm users and items, and the best possible where it is known.

    Parameters
    ----------
    settings : of the run.
    table : scores or ranks of the part that judges, see `with_rows_before`.
    validation : metrics of the validation part, by name.
    log : of the segment.
    """
    part, task = settings.evaluated, settings.task
    found: dict[str, Any] = {
        "metrics": prefixed(part, metrics_of(table, task))
        | (prefixed("validation", validation) if part == "test" else {}),
        "strata": metrics_of_newcomers(table, task),
    }
    if task == "ctr" and log.has_column("oracle"):
        best = table.assign(probability=oracle_of_rows(table, log, part))
        found["oracle"] = prefixed(part, defined_metrics(best, GAINS))
        found["regret"] = prefixed(part, regret(table, best))
    return found
