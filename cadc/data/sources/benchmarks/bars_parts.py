"""Benchmarks for predicting clicks in the three files that BARS publishes for each."""

from typing import ClassVar

from cadc.data.sources.benchmarks.published_parts import PublishedParts
from cadc.data.sources.source import Source
from cadc.data.sources.table import Table


class BARSParts(PublishedParts):
    """A data set as the benchmark BARS publishes it (Zhu et al., SIGIR 2022): a table for each part."""

    files: ClassVar[tuple[str, ...]] = ("train.csv", "valid.csv", "test.csv")
    user_column: ClassVar[str]
    item_column: ClassVar[str]
    context_fields: ClassVar[tuple[str, ...]]
    """Columns that describe neither the user nor the item."""

    def layout(self) -> Source:
        """Return the table of the three files."""
        train, validation, test = (str(self.folder / name) for name in self.files)
        return Table(
            train,
            validation_path=validation,
            test_path=test,
            name=self.name,
            user=self.user_column,
            item=self.item_column,
            label="label",
            context_fields=self.context_fields,
        )
