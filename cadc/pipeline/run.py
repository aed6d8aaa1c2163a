"""One run, start to end: prepare, sample, factorise, initialise, train, evaluate, record."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import save

from cadc.data.log import InteractionLog
from cadc.embeddings.base.serving_state import stored_state
from cadc.errors import DataError
from cadc.evaluation.prefixes import prefixed
from cadc.evaluation.saved_tables import Task
from cadc.evaluation.tasks import BY_TASK, metrics_of
from cadc.factorization.fitted_rows import Fitted
from cadc.models.model import Model
from cadc.pipeline.build import batch_columns, draw_sample, factorize_for_sampler, factorize_log, make_model, open_log
from cadc.pipeline.record import Done, record_of
from cadc.pipeline.settings import Settings
from cadc.provenance.costs import Stopwatch, reset_peak_memory
from cadc.randomness import derive_seed, torch_generator
from cadc.sampling.sampler import Sample
from cadc.storage.run_files import CURVES, MODEL, RECORD
from cadc.training.fit import FitResult, History, warm_up
from cadc.training.search import fit_after_search


def run(
    settings: Settings,
    run_id: str,
    code: str,
    folder: Path,
    checkpoints: Path | None = None,
    tell: Callable[[History], None] | None = None,
) -> None:
    """Carry out one run; write record, scores, model and curves into `folder`.

    Parameters
    ----------
    settings : of the run.
    run_id, code : the run's id and the hash of the code behind it, see `cadc.ledger.identity`.
    folder : exists and is empty.
    checkpoints : folder that keeps the state of training, where an interrupted run goes on from; None keeps none.
    tell : called after each epoch with the history so far; what it raises ends the run.

    Raises
    ------
    CadcError : for data, options or numbers that allow no result.
    """
    torch.set_num_threads(settings.threads)
    # Our own components draw from generators that they are given; a plug-in's dropout may not.
    torch.manual_seed(derive_seed(settings.seeds.weights, "global"))
    warm_up(settings.is_trained)
    reset_peak_memory()
    watch = Stopwatch()

    log = open_log(settings)
    require_labels(log, settings.task)
    # Before a factorisation that takes minutes, or misses the same field and gives other advice.
    settings.model.cls.require_fields(log.schema)
    before_sampling = factorize_for_sampler(settings, log)
    with watch.stage("sample_s"):
        sample = draw_sample(settings, log, before_sampling)
    fitted = factorize_log(settings, log, sample)
    with watch.stage("initialise_s"):
        model = make_model(settings, log, fitted, sample)
    with watch.stage("train_s"):
        fit = train(settings, model, log, sample, fitted, checkpoints, tell)
    with watch.stage("evaluate_s"):
        table, metrics = evaluate(settings, model, log, sample, fit)

    table.to_parquet(folder / BY_TASK[settings.task].saved.file, index=False)
    # Not by safetensors' own writer, whose error on a full disk is no OSError.
    (folder / MODEL).write_bytes(save(stored_state(model)))
    if fit:
        pd.DataFrame(fit.history).to_csv(folder / CURVES, index=False)
    done = Done(log, sample, model, [before_sampling, fitted], fit, metrics, watch)
    record = record_of(settings, run_id, code, done, folder)
    (folder / RECORD).write_text(json.dumps(record, indent=1, allow_nan=False))


def train(
    settings: Settings,
    model: Model,
    log: InteractionLog,
    sample: Sample,
    fitted: Fitted | None = None,
    checkpoints: Path | None = None,
    tell: Callable[[History], None] | None = None,
) -> FitResult | None:
    """Fit the model in place, if it is one that learns; a network goes on from the checkpoints that are there."""
    model.fit_sample(log, sample.rows, sample.weights, sample.offset)
    if settings.fit is None:
        return None
    beside = batch_columns(sample, fitted)
    shuffle = torch_generator(settings.seeds.weights, "batches")
    fit = settings.fit.build()
    return fit_after_search(fit, model, log, sample.rows, shuffle, checkpoints, tell, beside, settings.task)


def evaluate(
    settings: Settings, model: Model, log: InteractionLog, sample: Sample, fit: FitResult | None
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return the scores, or ranks, of the part that the run is judged by, and its metrics and validation's."""
    split, of_task = settings.evaluated, settings.task
    table = score(model, log, split, of_task)
    metrics = prefixed(split, metrics_of(table, of_task))
    if split == "test":
        held_out = fit.validation if fit else metrics_of(score(model, log, "validation", of_task), of_task)
        metrics |= prefixed("validation", held_out)
    return with_activity(table, log, sample, split), metrics


def score(model: Model, log: InteractionLog, split: str, of_task: Task = "ctr") -> pd.DataFrame:
    """Return what `HeldOutRows` or `HeldOutRanks` saves of every row of a split, by the task.

    Raises
    ------
    CadcError : where a score is NaN.
    """
    model.eval()
    with torch.inference_mode():
        return BY_TASK[of_task](log, split).table(model)


def with_activity(table: pd.DataFrame, log: InteractionLog, sample: Sample, split: str) -> pd.DataFrame:
    """Add how many rows of the sample and of the training part are of each row's user and item."""
    place = pd.Index(log.column("row", split)).get_indexer(table["row"])
    added = {}
    for side in log.entities:
        own = log.column(side, split)[place]
        for name, rows in (("sample", sample.rows), ("train", log.rows("train"))):
            counts = torch.bincount(log.entity_rows(side, rows), minlength=log.n_entities(side))
            added[f"{side}_rows_{name}"] = counts.numpy().astype("int32")[own]
    return table.assign(**added)


def require_labels(log: InteractionLog, of_task: str) -> None:
    """Raise a DataError for parts whose labels allow no metric: of one class where rows are scored, or all negative."""
    for split, n_positive in log.meta["positives"].items():
        if n_positive == 0 or (of_task == "ctr" and n_positive == log.n_rows(split)):
            why = "AUC is undefined" if of_task == "ctr" else "there is no item to rank"
            raise DataError(
                f"all {log.n_rows(split)} labels of the {split} part of {log.meta['name']} are "
                f"{int(n_positive > 0)}, so {why}; choose another label threshold or split."
            )
