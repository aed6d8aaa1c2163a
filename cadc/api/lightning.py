"""`cadc.lightning`: model and data of a configuration, for a Trainer of your own."""

from cadc.api.carry_out import process_left_alone, split_overrides
from cadc.embeddings.base.statistics import Statistics
from cadc.errors import UsageError
from cadc.pipeline.build import batch_columns, draw_sample, factorize_for_sampler, factorize_log, make_model, open_log
from cadc.pipeline.compatibility import require_compatible
from cadc.pipeline.settings import Settings
from cadc.provenance.threads import threads
from cadc.training.data_module import InteractionDataModule
from cadc.training.module import RecommenderModule


def lightning(*overrides: str) -> tuple[RecommenderModule, InteractionDataModule]:
    """Return the LightningModule and the LightningDataModule of a configuration, with the model's initial weights.

    Data, split, sample, factors, tables and model are those of `cadc.run` with the same overrides. Epochs, stopping,
    loggers and devices are the Trainer's, and so is an average of weights, as by its callback `EMAWeightAveraging`. Of
    the group `trainer` learning rate, schedule, penalties and batch size count.

    Parameters
    ----------
    overrides : such as `"data=ml-1m"` and `"embedding=hashing"`.

    Raises
    ------
    UsageError : for a wrong override, a model that is not trained, such as `model=bias`, or penalties beside the
        gradients.

    >>> import pytorch_lightning as pl  # doctest: +SKIP
    >>> module, data = cadc.lightning("data=ml-1m", "sampler.rate=0.1", "initializer=mf")  # doctest: +SKIP
    >>> trainer = pl.Trainer(max_epochs=5)  # doctest: +SKIP
    >>> trainer.fit(module, data)  # doctest: +SKIP
    >>> trainer.test(module, data)  # doctest: +SKIP
    """
    own, launcher = split_overrides(overrides)
    if launcher:
        raise UsageError(f"{launcher[0]} does not apply here; the Trainer chooses devices and processes.")
    settings = Settings.compose(own)
    require_compatible(settings)
    if settings.fit is None:
        name = settings.config["choices"]["model"]
        raise UsageError(f"model={name} is not trained, so no Trainer can fit it; use cadc.run.")
    fit = settings.fit.build()
    if fit.weight_decay == "decoupled":
        raise UsageError(
            "trainer.weight_decay is decoupled, and a module for a Trainer has its penalties in the loss; set "
            "trainer.weight_decay=coupled, or use cadc.run."
        )
    with process_left_alone(), threads(settings.threads):
        log = open_log(settings)
        sample = draw_sample(settings, log, factorize_for_sampler(settings, log))
        fitted = factorize_log(settings, log, sample)
        model = make_model(settings, log, fitted, sample)
        model.fit_sample(log, sample.rows, sample.weights, sample.offset)
    module = RecommenderModule(
        model,
        fit.learning_rate,
        fit.weight_decay_tables,
        fit.weight_decay_mlp,
        fit.lazy_tables,
        ranked=log if settings.task == "ranking" else None,
        shares=Statistics.of(log, sample.rows).shares(len(sample.rows)),
        schedule=fit.schedule,
        warm_up=fit.warm_up,
        final_rate=fit.final_rate,
    )
    data = InteractionDataModule(
        log,
        sampler=sample,
        seed=settings.seeds.weights,
        batch_size=fit.rows_per_step(len(sample.rows)),
        beside=batch_columns(sample, fitted),
        shuffle_users=model.shuffles_users,
    )
    return module, data
