"""Closed-form passes in this process."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cadc.factorization.examples import ExampleParts
from cadc.factorization.grouped import GroupedExamples, grouped_by_both
from cadc.factorization.workers.workers import Workers


class ThisProcess(Workers):
    """Keeps all examples in the memory of this process, in 8 bytes each."""

    @contextmanager
    def grouped(
        self, examples: ExampleParts, sizes: Sequence[int]
    ) -> Iterator[tuple[GroupedExamples, GroupedExamples]]:
        """Hold examples grouped by the ids of both fields, see `Workers.grouped`."""
        yield grouped_by_both(examples, sizes)
