"""Logs of clicks on advertisements (Kaggle layout): one large file that a person fetches, of no named user or item."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from cadc.data.raw import Chunk, RawLog
from cadc.data.schema import Field, Schema
from cadc.data.sources.published import PublishedFiles
from cadc.errors import require_at_least


class Clicks(PublishedFiles):
    """A log in which all that is known of a click belongs to its row.

    Parameters
    ----------
    min_count : a category that fewer training rows hold counts as unknown.
    """

    by_hand: ClassVar[bool] = True
    fields: ClassVar[tuple[str, ...]]
    dense: ClassVar[tuple[str, ...]] = ()

    def __init__(self, min_count: int = 10) -> None:
        require_at_least(1, "data", min_count=min_count)
        self.min_count = min_count

    def read(self) -> RawLog:
        """Read the rows chunk by chunk when they are asked for."""
        fields = tuple(Field(name, "context") for name in self.fields)
        return RawLog(Schema(fields, self.dense), {}, self.chunks(), self.min_count)

    @abstractmethod
    def chunks(self) -> Iterator[Chunk]:
        """Yield the rows of the file."""
