"""What a closed-form pass asks of the workers that carry it out: a map over blocks of values."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

from torch import Tensor

from cadc.factorization.examples import ExampleParts

Results = tuple[Tensor, ...]
"""What a step returns of a block; float32, but for sums."""
Step = Callable[..., Results]
"""Called as `step(values, others, labels, own, *shared)`.

The first three are a block as `GroupedExamples.blocks` yields it, and `own` holds the parameters of its values, shape
[m, k]. It can be pickled by its name.
"""


class Blockwise(ABC):
    """The examples of one field, grouped by its values, over which a pass is mapped.

    Parameters
    ----------
    counts : number of examples of each value, int64, shape [n_values].
    """

    def __init__(self, counts: Tensor) -> None:
        self.counts = counts
        self._n_examples = int(counts.sum())

    def __len__(self) -> int:
        return self._n_examples

    @property
    @abstractmethod
    def n_positive(self) -> int:
        """Number of examples with label 1."""

    @abstractmethod
    def map(self, step: Step, own: Tensor, shared: Sequence[Tensor]) -> Iterator[tuple[Tensor, Results]]:
        """Yield the values of each block and what a step returns of it, in the same order wherever it is worked out.

        Parameters
        ----------
        step : must not depend on other blocks.
        own : parameters of each value of the field, shape [n_values or more, k]; they may be changed while blocks are
            yielded.
        shared : what all blocks read, such as the parameters of the other field.
        """


class Workers(ABC):
    """Those who carry out the passes of a fit. The results are the same for all of them, up to rounding."""

    @abstractmethod
    def grouped(
        self, examples: ExampleParts, sizes: Sequence[int]
    ) -> AbstractContextManager[tuple[Blockwise, Blockwise]]:
        """Hold examples grouped by their first ids, and by their second ids, inside a `with` block.

        Parameters
        ----------
        examples : the examples; they are read twice, part by part.
        sizes : number of values of the first and of the second field.
        """
