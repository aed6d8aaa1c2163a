"""The options of a fit: what a user sets, and what follows from it for a number of rows."""

from collections.abc import Mapping
from typing import Any, Literal

from cadc.configuration.components import defaults
from cadc.errors import UsageError, require_at_least, require_positive
from cadc.training.averaging import Averaging
from cadc.training.decoupled_decay import WeightDecay
from cadc.training.optimizers import LazyTables
from cadc.training.schedule import Schedule, Shape

Shuffle = Literal["rows", "blocks"]


class FitOptions:
    """Options of the training of a network, checked.

    Parameters
    ----------
    learning_rate : of Adam, its greatest where a schedule changes it.
    schedule : how the learning rate falls from step to step, over the steps of `max_epochs` epochs, see
        `cadc.training.schedule.Schedule`.
    warm_up : share of these steps over which it first rises.
    final_rate : share of `learning_rate` that it falls to.
    weight_decay_tables : L2 penalty on the vectors of tables, which each row bears when it is looked up, see
        `cadc.training.vector_penalty.VectorPenalty`.
    weight_decay_mlp : L2 penalty on the other weights.
    weight_decay : whether the gradients of both penalties are added to those of the loss (`coupled`), or shrink weights
        beside them, see `cadc.training.decoupled_decay`.
    lazy_tables : whether a step skips the rows of uncompressed tables that its batch does not look up; `auto` skips
        them in tables of more than 100,000 rows, where this is faster, see `cadc.training.optimizers.skips_rows`.
    batch_size : rows per step; `auto` is 256 up to 20,000 training rows, 1024 up to 200,000, and 4096 above.
    shuffle : how the rows are ordered in each epoch: `rows` shuffles them singly, which reads a log everywhere at once
        and takes 8 bytes a row; `blocks` reads it in blocks of rows, as suits logs larger than memory, see
        `cadc.data.orders.block_order.BlockOrder`.
    least_steps : steps of an epoch for whose sake `auto` is halved, down to 256 rows; 0 halves nothing.
    max_epochs : upper bound on the number of epochs.
    patience : number of epochs without an improvement on validation (logloss, or NDCG@10 when items are ranked) after
        which training stops; None trains for `max_epochs`, and keeps the best epoch all the same.
    grace_steps : steps up to which training does not stop before some epoch is better on validation than a prediction
        without information, see `cadc.training.uninformed`; 0 stops by `patience` alone. Labels that depend on pairs of
        columns alone take some epochs before anything is learned.
    averaging : `ema` evaluates, keeps and serves an average of the weights in place of the last ones, see
        `cadc.training.averaging.WeightAverage`.
    averaging_epochs : mean age of the averaged weights, in epochs: after n steps of an epoch, `ema` decays by
        1 - 1 / (1 + n · `averaging_epochs`).
    validation_rate : share of the validation part that is read, which can be much larger than a small sample.
    max_seconds : time after which training stops and the best epoch is kept; None for no limit. Meant for comparisons
        at equal time; results then depend on the machine. It does not shorten a schedule, which may hardly have fallen.
    accelerator : `auto` takes a GPU if there is one.
    devices : processes on each machine that train one run together, each on a device of its own where these are GPUs;
        see `cadc.training.ddp.replicas`. Sums are taken in another order, and scores differ in their last digits.
    strategy : how they do so: `ddp` gives each the whole model and a share of every batch. `auto` does so where there
        are several devices, or torchrun started several processes; those that srun started need `ddp` to be spelled
        out, without which they work on the runs of a sweep side by side.
    tables : `sharded` lets the processes of a run share the rows of uncompressed tables and their state of the
        optimiser, see `cadc.embeddings.sharded`; `replicated` gives each process all rows. One process has all of them.
    checkpoint_minutes : minutes between checkpoints within an epoch; every epoch ends with one in any case.
    progress : whether to show a progress bar.
    fleet : most runs of a sweep that are trained together as one batched program, see `cadc.training.fleet`; 1 trains
        each alone. Together, sums are taken in another order, and scores differ in their last digits.

    Attributes
    ----------
    callbacks : `pytorch_lightning.Callback`s that are called between epochs, by name; none to begin with. See
        `cadc.training.callbacks.hooks.Hooks`.
    """

    without_effect = ("accelerator", "devices", "strategy", "tables", "checkpoint_minutes", "progress", "fleet")

    def __init__(
        self,
        learning_rate: float = 3e-3,
        schedule: Shape = "constant",
        warm_up: float = 0.0,
        final_rate: float = 0.0,
        weight_decay_tables: float = 3e-4,
        weight_decay_mlp: float = 1e-4,
        weight_decay: WeightDecay = "coupled",
        batch_size: int | Literal["auto"] = "auto",
        least_steps: int = 0,
        max_epochs: int = 50,
        patience: int | None = 3,
        grace_steps: int = 0,
        averaging: Averaging = "none",
        averaging_epochs: float = 0.25,
        validation_rate: float = 1.0,
        max_seconds: float | None = None,
        lazy_tables: LazyTables = False,
        accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"] = "auto",
        devices: int = 1,
        strategy: Literal["auto", "ddp"] = "auto",
        tables: Literal["replicated", "sharded"] = "replicated",
        checkpoint_minutes: float = 10.0,
        progress: bool = True,
        fleet: int = 1,
        shuffle: Shuffle = "rows",
    ) -> None:
        require_at_least(1, "trainer", max_epochs=max_epochs, patience=1 if patience is None else patience, fleet=fleet)
        require_at_least(1, "trainer", devices=devices)
        require_at_least(1, "trainer", batch_size=1 if batch_size == "auto" else batch_size)
        require_at_least(0, "trainer", weight_decay_tables=weight_decay_tables, weight_decay_mlp=weight_decay_mlp)
        require_at_least(0, "trainer", least_steps=least_steps, grace_steps=grace_steps)
        require_at_least(0, "trainer", checkpoint_minutes=checkpoint_minutes)
        require_positive("trainer", learning_rate=learning_rate, averaging_epochs=averaging_epochs)
        Schedule(schedule, warm_up, final_rate)  # which checks them
        require_positive("trainer", max_seconds=1.0 if max_seconds is None else max_seconds)
        if not 0 < validation_rate <= 1:
            raise UsageError(f"trainer.validation_rate is {validation_rate}; expected a share of the rows in (0, 1].")
        self.learning_rate = learning_rate
        self.weight_decay_tables, self.weight_decay_mlp = weight_decay_tables, weight_decay_mlp
        self.batch_size, self.least_steps = batch_size, least_steps
        self.max_epochs, self.patience, self.grace_steps = max_epochs, patience, grace_steps
        self.validation_rate, self.max_seconds = validation_rate, max_seconds
        self.accelerator, self.progress = accelerator, progress
        self.devices, self.strategy, self.tables = devices, strategy, tables
        if shuffle not in ("rows", "blocks"):
            raise UsageError(f"trainer.shuffle is {shuffle!r}; it must be rows or blocks.")
        self.lazy_tables = lazy_tables
        self.shuffle: Shuffle = shuffle
        self.checkpoint_minutes = checkpoint_minutes
        self.fleet = fleet
        self.callbacks: Mapping[str, Any] = {}
        self.schedule, self.warm_up, self.final_rate = schedule, warm_up, final_rate
        self.weight_decay = weight_decay
        self.averaging, self.averaging_epochs = averaging, averaging_epochs

    def rows_per_step(self, n_rows: int) -> int:
        """Return the batch size for a number of training rows."""
        if self.batch_size != "auto":
            return int(self.batch_size)
        size = 256 if n_rows <= 20_000 else 1024 if n_rows <= 200_000 else 4096
        while size > 256 and n_rows < size * self.least_steps:
            size //= 2
        return size

    def for_advice(self) -> dict[str, float]:
        """Return the options that advice looks at."""
        return {
            "learning_rate": self.learning_rate,
            "weight_decay_tables": self.weight_decay_tables,
            "weight_decay_mlp": self.weight_decay_mlp,
        }

    def usual(self) -> dict[str, float]:
        """Return the defaults of those options; decay beside the gradients has another unit, and none."""
        usual = defaults(type(self))
        return {
            name: usual[name] for name in self.for_advice() if name == "learning_rate" or self.weight_decay == "coupled"
        }
