"""The parts of a run, made from its settings: log, sample, factors and model."""

from collections.abc import Collection
from functools import partial

import torch
from torch import Tensor

from cadc.data.cold_ids import LogWithColdIds
from cadc.data.log import InteractionLog
from cadc.data.prepare import prepare
from cadc.data.schema import ENTITY_FIELDS, SIDES, Side
from cadc.data.split.split import SPLITS
from cadc.data.thinning import thinned
from cadc.distributed.ranks import Ranks
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.initialization import initial_values
from cadc.evaluation.ranking import rows_before
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factors import Factors
from cadc.factorization.fitted_rows import Fitted, fit_factors
from cadc.factorization.warm_start import WarmStart
from cadc.models.model import Model
from cadc.pipeline.settings import Settings
from cadc.randomness import numpy_generator, torch_generator
from cadc.sampling.sampler import Sample
from cadc.views.fitted_views import Base, FittedViews, fit_views
from cadc.views.row_numbers import RowNumbers


def open_log(settings: Settings) -> InteractionLog:
    """Return the prepared log of a run."""
    log = prepare(settings.source.build(), settings.split.build(), settings.seeds.split, settings.transform.build())
    covers_cold = settings.initializer is not None and settings.initializer.build().covers_cold
    return LogWithColdIds(log.folder) if covers_cold else log


def factorize_for_sampler(settings: Settings, log: InteractionLog) -> Fitted | None:
    """Return the factors of all training rows, if the sampler chooses rows by them."""
    if settings.sampler is None or not settings.samples_by_factors or settings.sampler.option("rate") == 1:
        return None
    assert settings.factorization is not None and settings.factor_dim is not None
    return fit_factors(
        settings.factorization.build(),
        log,
        settings.factor_dim,
        "full",
        sample=torch.arange(0),
        n_folds=0,
        validation_rate=settings.validation_rate,
    )


def draw_sample(settings: Settings, log: InteractionLog, fitted: Fitted | None = None) -> Sample:
    """Return the training rows that are kept; none if nothing is fitted on a sample."""
    if settings.sampler is None:
        return Sample(torch.arange(0))

    def factors() -> Factors:
        assert fitted is not None and isinstance(fitted.factors, Factors)
        return fitted.factors

    generator = numpy_generator(settings.seeds.sample, "sample")
    return settings.sampler.build()(log, generator, None if fitted is None else factors)


def factorize_log(
    settings: Settings, log: InteractionLog, sample: Sample, before: WarmStart | None = None
) -> Fitted | None:
    """Return the factors that tables start from or that the model scores by, if the run asks for any.

    Parameters
    ----------
    settings, log, sample : of the run.
    before : earlier factors that the fit goes on from; None fits anew.
    """
    if not settings.scores_with_factors:
        return None
    assert settings.factorization is not None and settings.factor_dim is not None
    return fit_factors(
        settings.factorization.build(),
        log,
        settings.factor_dim,
        settings.factorized_rows,
        sample=sample.rows,
        n_folds=settings.n_folds,
        validation_rate=settings.validation_rate,
        seed=settings.seeds.factorization,
        unit=settings.left_out,
        before=before,
    )


def fit_log_views(settings: Settings, log: InteractionLog, sample: Sample) -> FittedViews | None:
    """Return the views that the model reads, fitted on rows outside the sample or fold by fold; None without any."""
    if not settings.views:
        return None
    base = None
    if settings.views_read_factors:
        assert settings.factorization is not None and settings.factor_dim is not None
        method = settings.factorization.build()
        validation = thinned(log.rows("validation"), settings.validation_rate) if method.reads_validation else None
        base = Base(method, settings.factor_dim, validation)
    return fit_views(
        {name: view.build() for name, view in settings.views.items()},
        log,
        settings.factorized_rows,
        sample=sample.rows,
        n_folds=settings.n_folds,
        base=base,
        seed=settings.seeds.factorization,
        unit=settings.left_out,
    )


def with_numbers(settings: Settings, log: InteractionLog, fitted: FittedViews | None, sample: Sample) -> InteractionLog:
    """Return the log with what views say of sample, validation and test rows in its batches; they are computed here.

    A ranking model asks views for all items of a user instead.
    """
    if fitted is None or settings.task == "ranking":
        return log
    numbers = {split: fitted.numbers(log, log.rows(split)) for split in SPLITS[1:]}
    return log.with_views(RowNumbers(log, sample.rows, fitted.numbers(log, sample.rows), numbers))


def batch_columns(sample: Sample, fitted: Fitted | None) -> dict[str, Tensor]:
    """Return what goes into training batches beside the rows of a sample, a value a row, shape [n] each."""
    found = sample.batch_columns()
    if fitted and isinstance(fitted.factors, CrossFitted):
        found["fold"] = fitted.factors.fold[sample.rows]
    return found


def make_model(
    settings: Settings,
    log: InteractionLog,
    fitted: Fitted | None,
    sample: Sample,
    views: FittedViews | None = None,
    ranks: Ranks | None = None,
) -> Model:
    """Return the model with its initial weights; `ranks` share the rows of its tables, None where it has all."""
    factors = fitted.factors if fitted else None
    tables = partial(_tables, settings, log, factors, sample, ranks)

    def embeddings() -> EmbeddingCollection:
        return tables(SIDES)[0]

    def towers() -> dict[str, EmbeddingCollection]:
        of_users, of_items = tables(("user", "context"), ("item",))
        return {"user": of_users, "item": of_items}

    def items() -> EmbeddingCollection:
        return tables(("item",), names=("item",))[0]

    def entities() -> dict[str, EmbeddingCollection]:
        of_users, of_items = tables(("user",), ("item",), names=ENTITY_FIELDS)
        return {"user": of_users, "item": of_items}

    model = settings.model.build(
        embeddings=embeddings,
        towers=towers,
        items=items,
        entities=entities,
        factors=factors,
        views=None if views is None else views.module,
        schema=log.schema,
        n_dense=len(log.schema.dense),
        run_task=settings.task,
        generator=torch_generator(settings.seeds.weights, "network"),
    )
    model.begin(log, sample.rows)
    if settings.task == "ranking":
        model.remember(log, rows_before(log, "validation"))
    return model


def _tables(
    settings: Settings,
    log: InteractionLog,
    factors: Factors | CrossFitted | None,
    sample: Sample,
    ranks: Ranks | None,
    *sides_of_each: tuple[Side, ...],
    names: Collection[str] | None = None,
) -> list[EmbeddingCollection]:
    """Return the embedding tables of some sides, once for each that is named, all from the same initial values.

    With `names` they are those of these fields alone.
    """
    assert settings.initializer is not None and settings.scheme is not None
    seed, initializer, scheme = settings.seeds.weights, settings.initializer.build(), settings.scheme.build()
    scheme.ranks = ranks
    start = initial_values(initializer, scheme, log, factors, sample.rows, torch_generator(seed, "tables"))
    return [
        EmbeddingCollection(log.schema, scheme, start, sides, torch_generator(seed, f"scheme {'+'.join(sides)}"), names)
        for sides in sides_of_each
    ]
