"""What a view is: something that the whole log says, as numbers for each row."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from cadc.data.batch import Batch
from cadc.data.schema import ENTITY_FIELDS, Schema
from cadc.errors import UsageError
from cadc.views.evidence import Evidence
from cadc.views.histories import Histories


@dataclass(frozen=True)
class RowsToScore:
    """Rows that a view gives numbers for.

    Parameters
    ----------
    batch : B rows. Users and items that the view never saw are *unknown* in it.
    schema : of the log, which locates the fields in the batch.
    users, items : ids of the fields `user` and `item`, int64, shape [B]; 0 for logs without them.
    histories : of these users, with the columns that the view asked for in `history_columns`.
    """

    batch: Batch
    schema: Schema
    users: Tensor
    items: Tensor
    histories: Histories

    def __len__(self) -> int:
        return len(self.users)


class View(ABC):
    """Reads the rows that a model is not fitted on, and says what they tell about others as K numbers a row.

    A subclass implements `fit` and `numbers`. It takes its options as keyword arguments and keeps each in an attribute
    of the same name. What it has fitted is a dictionary of arrays, which are cached, saved with the model and counted
    in its bytes; so they are as small as they can be without a loss.

    Examples
    --------
    How often an item was rated:

    >>> import torch
    >>> class Popularity(View):
    ...     def fit(self, evidence):
    ...         return {"counts": evidence.item_counts.float()}
    ...
    ...     def numbers(self, fitted, rows):
    ...         return fitted["counts"][rows.items].log1p().unsqueeze(1)
    >>> from cadc.data.prepare import prepare
    >>> from cadc.data.sources.synthetic import Synthetic
    >>> from cadc.data.split import RandomSplit
    >>> log = prepare(Synthetic(n_rows=1000), RandomSplit())
    >>> fitted = Popularity().fit(Evidence(log, log.rows("train")))
    >>> int(fitted["counts"].sum())
    800
    """

    needs_factors: ClassVar[bool] = False
    """Whether it reads the run's factorisation, `evidence.factors` and `evidence.base`."""

    reads_ratings: ClassVar[bool] = False
    """Whether it cannot do without raw ratings."""

    reads_times: ClassVar[bool] = False
    """Whether it cannot do without times."""

    can_rank: ClassVar[bool] = False
    """Whether it has `item_numbers`."""

    has_pairs: ClassVar[bool] = False
    """Whether it has `pair_numbers` of its own; a view that can rank has them anyway."""

    def history_columns(self, fitted: Mapping[str, Tensor]) -> tuple[str, ...] | None:
        """Return what `numbers` reads of the users' histories beside their items: `label`, `rating`, `time`.

        None, the default, says that it does not read histories.
        """
        return None

    @classmethod
    def require_fields(cls, schema: Schema) -> None:
        """Raise a UsageError for a log that lacks a field which the view cannot do without: `user` or `item`."""
        missing = [name for name in ENTITY_FIELDS if name not in schema]
        if missing:
            raise UsageError(
                f"the view {cls.__name__} reads users and items, and this log has no field {missing[0]}; leave it out "
                "of views."
            )

    @abstractmethod
    def fit(self, evidence: Evidence) -> dict[str, Tensor]:
        """Return what the view has to say, as arrays by name; names hold no dots.

        Parameters
        ----------
        evidence : the rows; others must not be read.

        Raises
        ------
        DataError : if the log does not fit the view.
        """

    def columns(self, fitted: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Return the names of the K numbers."""
        return ("score",)

    @abstractmethod
    def numbers(self, fitted: Mapping[str, Tensor], rows: RowsToScore) -> Tensor:
        """Return the numbers of B rows, float32, shape [B, K]; each row's depend on that row alone.

        Parameters
        ----------
        fitted : what `fit` returned.
        rows : none of them is among those that were fitted.
        """

    def item_numbers(self, fitted: Mapping[str, Tensor], users: RowsToScore, items: Tensor) -> Tensor:
        """Return the numbers of all pairs of b users and n items, float32, shape [b, n, K].

        Parameters
        ----------
        fitted : what `fit` returned.
        users : a row for each user, whose item is *unknown*.
        items : ids of the field `item`, int64, shape [n].
        """
        raise NotImplementedError(f"{type(self).__name__} has can_rank=False, so it has no item_numbers.")

    def pair_numbers(self, fitted: Mapping[str, Tensor], users: RowsToScore, items: RowsToScore) -> Tensor:
        """Return the numbers of all pairs of b users and n items, float32, shape [b, n, K].

        Parameters
        ----------
        fitted : what `fit` returned.
        users, items : a row for each, whose item or user is *unknown*, as are all fields that are not of its side.
        """
        return self.item_numbers(fitted, users, items.items)

    def vectors(self, fitted: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return vectors by field, float32, shape [vocabulary size, d] each, that tables may start from."""
        return {}
