"""`cadc.lightning`: model and data of a configuration, for a Trainer of your own."""

from cadc.api.module import RecommenderModule
from cadc.api.parts import parts_of
from cadc.pipeline.build import batch_columns
from cadc.training.data_module import InteractionDataModule


def lightning(*overrides: str) -> tuple[RecommenderModule, InteractionDataModule]:
    """Return the LightningModule and the LightningDataModule of a configuration, with the model's initial weights.

    Data, split, sample, factors, views, tables and model are those of `cadc.run` with the same overrides. Epochs,
    stopping, loggers, precision and devices are the Trainer's, and so is an average of weights, as by its callback
    `EMAWeightAveraging`. Of the group `trainer` learning rate, schedule, penalties and batch size count.

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
    parts = parts_of(overrides)
    fit = parts.fit
    module = RecommenderModule(
        parts.model,
        fit.learning_rate,
        fit.weight_decay_tables,
        fit.weight_decay_mlp,
        fit.lazy_tables,
        ranked=parts.ranked,
        shares=parts.shares(),
        schedule=fit.schedule,
        warm_up=fit.warm_up,
        final_rate=fit.final_rate,
        overrides=parts.overrides,
    )
    data = InteractionDataModule(
        parts.log,
        sampler=parts.sample,
        seed=parts.settings.seeds.weights,
        batch_size=fit.rows_per_step(len(parts.sample.rows)),
        beside=batch_columns(parts.sample, parts.fitted),
        shuffle_users=parts.model.shuffles_users,
    )
    return module, data
