"""Base class of factorisations: everything that the pipeline asks of one."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.errors import UsageError
from cadc.factorization.factors import Factors, Kind
from cadc.factorization.warm_start import WarmStart

DEFAULT_DIM = 16
"""Length of the vectors if neither the factorisation nor a table sets it."""


FIT_ANEW = "set stream.warm=false, so that each segment is factorised anew, or choose factorization=logistic."
"""What to do about a method that cannot go on."""


class Factorization(ABC):
    """A method that fits vectors and biases of fields to rows of a log.

    A subclass implements `fit`. It takes its options as keyword arguments, keeps each in an attribute of the same name
    (the cache of factors is keyed by them), and has an option `dim`. A method that draws anything has an option `seed`;
    None takes the seed of the run, and 0 outside a run.

    Examples
    --------
    The mean label of each item, with zero vectors:

    >>> import torch
    >>> class ItemMeans(Factorization):
    ...     kind = "score"
    ...
    ...     def __init__(self, dim=None):
    ...         self.dim = dim
    ...
    ...     def fit(self, log, rows, dim, validation=None):
    ...         items, n = log.field_ids("item", rows), log.schema["item"].vocabulary_size
    ...         counts = torch.bincount(items, minlength=n).clamp_min(1)
    ...         means = torch.bincount(items, log.labels(rows), n) / counts
    ...         factors = Factors({"item": torch.zeros(n, dim)}, {"item": means.float()}, kind=self.kind)
    ...         return factors, {"seconds": 0.0, "epochs": 1}
    >>> from cadc.data.prepare import prepare
    >>> from cadc.data.sources.synthetic import Synthetic
    >>> from cadc.data.split import RandomSplit
    >>> log = prepare(Synthetic(n_rows=1000), RandomSplit())
    >>> factors, cost = ItemMeans().fit(log, log.rows("train"), 2)
    >>> factors.logits(log, log.rows("test")).shape
    torch.Size([100])
    """

    kind: ClassVar[Kind] = "logit"
    """Whether the `logits` of the factors are logits of label 1, or only order the rows (`score`)."""

    reads_validation: ClassVar[bool] = False
    """Whether `fit` reads validation rows, for early stopping."""

    goes_on: ClassVar[bool] = False
    """Whether the method has `fit_from`, and can go on from the factors of an earlier fit."""

    dim: int | None
    """Length of the vectors; None takes the length that the initialiser needs."""

    def draws(self, dim: int) -> bool:
        """Tell whether factors with vectors of length `dim` depend on the option `seed`; if not, seeds share them."""
        return True

    @abstractmethod
    def fit(
        self, log: InteractionLog, rows: Tensor, dim: int, validation: Tensor | None = None
    ) -> tuple[Factors, dict[str, float]]:
        """Factorise some rows of a log.

        Parameters
        ----------
        log : the log; columns of other rows than those below must not be read.
        rows : numbers of the training rows to read, int32 or int64, shape [n].
        dim : length of the vectors, as `dim_for` returned it.
        validation : numbers of the validation rows to read, int64; None for all. Only methods with `reads_validation`
            use it.

        Returns
        -------
        factors : vectors and biases of any fields; the vector of *unknown*, id 0, is zero.
        cost : `seconds` and `epochs` of the fit.

        Raises
        ------
        DataError : if the log does not fit the method.
        CadcError : if the loss is not finite.
        """

    def fit_from(
        self, before: WarmStart, log: InteractionLog, rows: Tensor, dim: int, validation: Tensor | None = None
    ) -> tuple[Factors, dict[str, float]]:
        """Factorise some rows of a log as `fit` does, from the factors of an earlier fit on.

        Parameters
        ----------
        before : what to go on from; its vectors have the length `dim`.
        log, rows, dim, validation : see `fit`.

        Raises
        ------
        UsageError : by default, since a method has to have it.
        """
        raise UsageError(f"{type(self).__name__} cannot go on from earlier factors; {FIT_ANEW}")

    def dim_for(self, table_dim: int | None, extra_columns: int = 0) -> int:
        """Return the length of the vectors that a table of `table_dim` columns can start from.

        Parameters
        ----------
        table_dim : number of columns of the embedding table; None if no table starts from the factors.
        extra_columns : number of columns of the table that do not come from the vectors.

        Raises
        ------
        UsageError : if the option `dim` does not fit the table.
        """
        if table_dim is None:
            return DEFAULT_DIM if self.dim is None else self.dim
        wanted = table_dim - extra_columns
        if wanted < 0:
            raise UsageError(
                f"embedding.dim is {table_dim}, but this initializer takes {extra_columns} columns for itself."
            )
        if self.dim is not None and self.dim != wanted:
            raise UsageError(
                f"factorization.dim is {self.dim}, but embedding.dim {table_dim} needs factors of {wanted} "
                f"columns: set factorization.dim={wanted}, or embedding.dim={self.dim + extra_columns}."
            )
        return wanted
