"""Rows of a log for a `pytorch_lightning.Trainer` of your own."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torch.utils.data import Sampler as TorchSampler

from cadc.data.batch import Batch
from cadc.data.batches import EVALUATION_BATCH, shuffled
from cadc.data.log import InteractionLog
from cadc.data.prepare import prepare
from cadc.data.sources.source import Source
from cadc.data.split.random import RandomSplit
from cadc.data.split.split import Split
from cadc.data.transform.transform import DenseTransform
from cadc.errors import UsageError
from cadc.randomness import numpy_generator, torch_generator
from cadc.sampling.sampler import Sample, Sampler
from cadc.sampling.uniform import UniformSampler
from cadc.training.dealt_rows import DealtRows


class LogRows(Dataset[Batch]):
    """Some rows of a log, as torch's `DataLoader` asks for them: a batch at once.

    Parameters
    ----------
    log : the log.
    rows : row numbers, int32 or int64, shape [n].
    beside : further parts of a `Batch` (weight, offset, fold), a value a row, shape [n] each.

    Attributes
    ----------
    dealt : deals the rows out to several processes; None for one.
    """

    def __init__(self, log: InteractionLog, rows: Tensor, beside: Mapping[str, Tensor] | None = None) -> None:
        self.log, self.rows, self.beside = log, rows, dict(beside or {})
        self.dealt: DealtRows | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> Batch:
        return self.__getitems__([place])

    def __getitems__(self, places: Sequence[int]) -> Batch:
        """Return the batch of the rows at these places."""
        chosen, weights = (torch.as_tensor(places), None) if self.dealt is None else self.dealt.plain(places)
        batch = self.log.gather(self.rows[chosen])
        for name, values in self.beside.items():
            setattr(batch, name, values[chosen])
        if weights is not None:
            batch.weight = weights if batch.weight is None else weights * batch.weight
        return batch


class InteractionDataModule(pl.LightningDataModule):
    """A prepared log for any Trainer: the sample trains, validation rows choose, test rows judge.

    With several devices every row is read once: each process gets its portion of each batch, whether the Trainer has
    `use_distributed_sampler` or not, see `DealtRows`.

    Parameters
    ----------
    source : a data set, such as `cadc.data.sources.MovieLens1M()`; or its prepared log.
    split : assigns rows to train, validation and test; at random, 80 : 10 : 10, where none is given.
    sampler : keeps a share of the training rows; or the sample drawn already; all rows where none is given.
    split_seed : seed of the split.
    seed : seed of the sample and of the order of training rows.
    batch_size : rows a training step on each device; rows are scored in larger batches.
    num_workers : processes that gather batches; rows lie in memory, so that few models gain by any.
    beside : further parts of each training batch, a value for each row of the sample; those of the sample where none
        are given.
    transform : what becomes of dense columns; the source's own default where none is given.
    shuffle_users : whether users are shuffled in place of rows, so that a batch holds most rows of few users, see
        `cadc.models.model.Model.shuffles_users`.

    >>> from cadc.data.sources import Synthetic
    >>> from cadc.sampling import UniformSampler
    >>> data = InteractionDataModule(Synthetic(n_rows=1000), sampler=UniformSampler(rate=0.1), batch_size=32)
    >>> data.setup("fit")
    >>> len(data.sample.rows), len(next(iter(data.train_dataloader())))
    (80, 32)
    """

    def __init__(
        self,
        source: Source | InteractionLog,
        split: Split | None = None,
        sampler: Sampler | Sample | None = None,
        split_seed: int = 0,
        seed: int = 0,
        batch_size: int = 1024,
        num_workers: int = 0,
        beside: Mapping[str, Tensor] | None = None,
        transform: DenseTransform | None = None,
        shuffle_users: bool = False,
    ) -> None:
        super().__init__()
        if isinstance(sampler, Sampler) and sampler.needs_factors:
            raise UsageError(
                f"{type(sampler).__name__} chooses rows by a factorisation, which nothing here fits; give the sample "
                "that it drew, or use cadc.lightning with overrides."
            )
        self.source, self.split, self.split_seed = source, split or RandomSplit(), split_seed
        self.sampler, self.seed = sampler or UniformSampler(), seed
        self.batch_size, self.num_workers = batch_size, num_workers
        self.beside, self.transform = beside, transform
        self.shuffle_users = shuffle_users
        self._shuffle: torch.Generator | None = None
        self._resumed: Tensor | None = None
        """State of the generator of the order of rows in a checkpoint that is resumed from."""

    @cached_property
    def log(self) -> InteractionLog:
        """The log, prepared where it was not yet."""
        if isinstance(self.source, InteractionLog):
            return self.source
        return prepare(self.source, self.split, self.split_seed, self.transform)

    @cached_property
    def sample(self) -> Sample:
        """The training rows."""
        if isinstance(self.sampler, Sample):
            return self.sampler
        return self.sampler(self.log, numpy_generator(self.seed, "sample"))

    def state_dict(self) -> dict[str, Any]:
        """Return the place in the order of training rows, for a checkpoint."""
        return {} if self._shuffle is None else {"shuffle": self._shuffle.get_state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Have the next training go on with the order of rows that follows that of a checkpoint."""
        self._resumed = state_dict.get("shuffle")

    def prepare_data(self) -> None:
        """Prepare the log, on one process of each machine."""
        _ = self.log

    def setup(self, stage: str) -> None:
        """Open the log and draw the sample, on every process."""
        _ = self.sample

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the rows of the sample, shuffled anew at each epoch; the order goes on where a fit is resumed."""
        beside = self.sample.batch_columns() if self.beside is None else self.beside
        self._shuffle = torch_generator(self.seed, "batches")
        if self._resumed is not None:
            self._shuffle.set_state(self._resumed.cpu())
            self._resumed = None
        return self._loader(LogRows(self.log, self.sample.rows, beside), self.batch_size, self._shuffle)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the validation rows in their order."""
        return self._loader(LogRows(self.log, self.log.rows("validation")), EVALUATION_BATCH)

    def test_dataloader(self) -> DataLoader[Batch]:
        """Return the test rows in their order."""
        return self._loader(LogRows(self.log, self.log.rows("test")), EVALUATION_BATCH)

    def predict_dataloader(self) -> DataLoader[Batch]:
        """Return the test rows in their order."""
        return self._loader(LogRows(self.log, self.log.rows("test")), EVALUATION_BATCH, stands_in=False)

    def _loader(
        self, rows: LogRows, batch_size: int, shuffle: torch.Generator | None = None, stands_in: bool = True
    ) -> DataLoader[Batch]:
        rank, size = self._place()
        sampler: TorchSampler[int] | None = None
        if shuffle is not None:
            sampler = UserOrder(rows, shuffle) if self.shuffle_users else RandomSampler(rows, generator=shuffle)
        if size > 1:
            sampler = rows.dealt = DealtRows(rows, batch_size, rank, size, sampler, stands_in)
        return DataLoader(
            rows,
            batch_size=batch_size,
            sampler=sampler,
            generator=shuffle,
            collate_fn=_as_it_is,
            num_workers=self.num_workers,
        )

    def _place(self) -> tuple[int, int]:
        """Return the number of this process among those that read different rows, and how many they are."""
        dealt = None if self.trainer is None else self.trainer.distributed_sampler_kwargs
        return (0, 1) if dealt is None else (int(dealt["rank"]), int(dealt["num_replicas"]))


class UserOrder(TorchSampler[int]):
    """A new random order of users at each epoch, whose rows follow one another.

    Parameters
    ----------
    rows : of a log with the field `user`.
    generator : of the order.
    """

    def __init__(self, rows: LogRows, generator: torch.Generator) -> None:
        self.users, self.generator = rows.log.field_ids("user", rows.rows), generator

    def __len__(self) -> int:
        return len(self.users)

    def __iter__(self) -> Iterator[int]:
        return iter(shuffled(len(self), self.generator, self.users).tolist())


def _as_it_is(batch: Any) -> Any:
    """Take the batch that `LogRows` made; torch would put one together row by row."""
    return batch
