"""One run, start to end: prepare, sample, factorise, initialise, train, evaluate, record."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from cadc.data.log import InteractionLog
from cadc.distributed.ranks import Ranks, current_ranks
from cadc.embeddings.base.weights_file import stored_parts, write_weights
from cadc.evaluation.tasks import BY_TASK
from cadc.factorization.fitted_rows import Fitted
from cadc.models.model import Model
from cadc.pipeline.build import (
    batch_columns,
    draw_sample,
    factorize_for_sampler,
    factorize_log,
    fit_log_views,
    make_model,
    open_log,
    with_numbers,
)
from cadc.pipeline.evaluate import evaluate, require_labels, score, with_coherence
from cadc.pipeline.record import Done, record_of
from cadc.pipeline.settings import Settings
from cadc.pipeline.several import crew_of
from cadc.pipeline.sharding import require_shared, shares_tables
from cadc.provenance.costs import Stopwatch, separate_memory
from cadc.provenance.energy import EnergyMeter, metering
from cadc.provenance.threads import threads
from cadc.randomness import derive_seed, torch_generator
from cadc.sampling.sampler import Sample
from cadc.storage.run_files import CURVES, MODEL, RECORD
from cadc.terminal.progress import say
from cadc.training.checkpoints import CheckpointFolder
from cadc.training.fit_result import FitResult
from cadc.training.fit_state import History
from cadc.training.search import SEARCH, fit_after_search
from cadc.views.fitted_views import FittedViews


@separate_memory()
def run(
    settings: Settings,
    run_id: str,
    code: str,
    folder: Path,
    checkpoints: CheckpointFolder | None = None,
    tell: Callable[[History], None] | None = None,
) -> None:
    """Carry out one run and write its record, scores, weights and curves into a folder.

    Parameters
    ----------
    settings : of the run.
    run_id, code : its id, and the hash of the code that can change its result; see `cadc.ledger.identity`.
    folder : an empty folder.
    checkpoints : of the training, from which an interrupted run resumes; None keeps none.
    tell : called after each epoch with the history so far; an exception that it raises ends the run.

    Raises
    ------
    CadcError : if data, options or numbers allow no result.
    """
    is_whole = checkpoints is None or not (checkpoints or checkpoints.below(SEARCH))
    with (
        threads(settings.threads),
        metering(settings.measures_energy, is_whole) as energy,
        crew_of(settings, run_id) as crew,
    ):
        begun = begin(settings, crew.shares)
        with crew.together():
            with begun.watch.stage("train_s"):
                fit = train(settings, begun.model, begun.log, begun.sample, begun.fitted, checkpoints, tell)
            end(settings, run_id, code, folder, begun, fit, energy)


def take_part(settings: Settings, join: Callable[[], AbstractContextManager[object]], ranks: Ranks) -> None:
    """Do the part of a run that each rank but the first one has; see `cadc.pipeline.several`.

    Parameters
    ----------
    settings : of the run.
    join : joins the ranks once this process is ready to train.
    ranks : that it will join, seen from this process.
    """
    with threads(settings.threads):
        begun = begin(settings, ranks if shares_tables(settings) else None)
        with join():
            train(settings, begun.model, begun.log, begun.sample, begun.fitted)
            score(begun.model, begun.log, settings.evaluated, settings.task)
            write_weights(stored_parts(begun.model), None)


@dataclass(frozen=True)
class Begun:
    """A run up to the training of its model.

    Parameters
    ----------
    log, sample, model : as `cadc.pipeline.build` made them.
    before_sampling, fitted : the factorisations; None for one that the run does not need.
    views : the views that the model reads; None without any.
    watch : seconds of the stages so far.
    """

    log: InteractionLog
    sample: Sample
    model: Model
    before_sampling: Fitted | None
    fitted: Fitted | None
    views: FittedViews | None
    watch: Stopwatch


def begin(settings: Settings, ranks: Ranks | None = None) -> Begun:
    """Carry out the stages of a run before the training of its model.

    Parameters
    ----------
    settings : of the run.
    ranks : that share the rows of its tables; None where this process has all of them.
    """
    # Components of cadc draw from generators that they are given; the dropout of a plug-in may not.
    torch.manual_seed(derive_seed(settings.seeds.weights, "global"))
    log = open_log(settings)
    require_labels(log, settings.task)
    return made_of(settings, log, ranks)


def made_of(
    settings: Settings,
    log: InteractionLog,
    ranks: Ranks | None = None,
    factorise: Callable[[Settings, InteractionLog, Sample], Fitted | None] = factorize_log,
) -> Begun:
    """Carry out the stages of a run before the training of its model on a log that is open, or a segment of one.

    Parameters
    ----------
    settings, log : of the run.
    ranks : processes that share the run; None for one alone.
    factorise : factorises the log, given its sample.
    """
    watch = Stopwatch()
    # Checked before a factorisation, which may take minutes, or miss the same field and give other advice.
    settings.model.cls.require_fields(log.schema)
    before_sampling = factorize_for_sampler(settings, log)
    with watch.stage("sample_s"):
        sample = draw_sample(settings, log, before_sampling)
    fitted = factorise(settings, log, sample)
    views = fit_log_views(settings, log, sample)
    log = with_numbers(settings, log, views, sample)
    with watch.stage("initialise_s"):
        model = make_model(settings, log, fitted, sample, views, ranks)
        require_shared(model, ranks)
    return Begun(log, sample, model, before_sampling, fitted, views, watch)


def end(
    settings: Settings,
    run_id: str,
    code: str,
    folder: Path,
    begun: Begun,
    fit: FitResult | None,
    energy: EnergyMeter | None = None,
) -> None:
    """Evaluate a run whose model is trained, and write its files.

    Parameters
    ----------
    settings, run_id, code, folder : see `run`.
    begun : the run before its training.
    fit : the result of its training; None for a model that is not a network.
    energy : measures it since its begin; None where nobody asks.
    """
    if fit and fit.remark:
        say(f"run {run_id}: {fit.remark}")
    with begun.watch.stage("evaluate_s"):
        table, metrics = evaluate(settings, begun.model, begun.log, begun.sample, fit)
    # For strata alone, so that no cost of the run counts it.
    table = with_coherence(table, begun.log, settings.evaluated)
    table.to_parquet(folder / BY_TASK[settings.task].saved.file, index=False)
    write_weights(stored_parts(begun.model), folder / MODEL)
    if fit:
        pd.DataFrame(fit.history).to_csv(folder / CURVES, index=False)
    factorizations = [begun.before_sampling, begun.fitted]
    done = Done(begun.log, begun.sample, begun.model, factorizations, begun.views, fit, metrics, begun.watch, energy)
    record = record_of(settings, run_id, code, done, folder)
    (folder / RECORD).write_text(json.dumps(record, indent=1, allow_nan=False))


def train(
    settings: Settings,
    model: Model,
    log: InteractionLog,
    sample: Sample,
    fitted: Fitted | None = None,
    checkpoints: CheckpointFolder | None = None,
    tell: Callable[[History], None] | None = None,
) -> FitResult | None:
    """Fit the model to the sample in place; a network resumes from its last checkpoint.

    Parameters
    ----------
    settings : of the run.
    model, log, sample, fitted : as `cadc.pipeline.build` made them.
    checkpoints, tell : see `run`.

    Returns
    -------
    fit : None for a model that is not a network.
    """
    model.fit_sample(log, sample.rows, sample.weights, sample.offset)
    if settings.fit is None:
        return None
    beside = batch_columns(sample, fitted)
    shuffle = torch_generator(settings.seeds.weights, "batches")
    fit = settings.build_fit()
    if not current_ranks().is_first:
        fit.callbacks, fit.progress = {}, False
    return fit_after_search(fit, model, log, sample.rows, shuffle, checkpoints, tell, beside, settings.task)
