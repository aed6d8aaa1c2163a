"""Data sets that come in parts, with the number of rows that their publisher states for each."""

import hashlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np

from cadc.data.raw import Chunk, RawLog
from cadc.data.schema import Side
from cadc.data.sources.published import PublishedFiles
from cadc.data.sources.source import Source
from cadc.data.split.split import SPLITS


class PublishedParts(PublishedFiles):
    """A data set in the parts of a benchmark, which `data/split=given` keeps.

    What differs from the numbers that its publisher states is remarked on, with both numbers.
    """

    by_hand: ClassVar[bool] = True
    n_rows: ClassVar[Mapping[str, int]]
    """Published number of rows, by part."""
    n_entities: ClassVar[Mapping[Side, int]] = {}
    """Published number of users and items, where they are stated."""
    md5: ClassVar[Mapping[str, str]] = {}
    """MD5 of the publisher's own files by name; empty where none is published."""

    @abstractmethod
    def layout(self) -> Source:
        """Return the source that reads the files."""

    def edition(self, fingerprint: dict[str, str]) -> str:
        """Return `published` if every file has the publisher's MD5, else `local`."""
        if not self.md5:
            return "local"
        return "published" if all(self._md5(name) == known for name, known in self.md5.items()) else "local"

    def _md5(self, name: str) -> str:
        with (self.folder / name).open("rb") as file:
            return hashlib.file_digest(file, "md5").hexdigest()

    def read(self) -> RawLog:
        """Return the log, whose rows are counted as they are read."""
        raw = self.layout().read()
        return replace(raw, chunks=self._counted(raw))

    def _counted(self, raw: RawLog) -> Iterator[Chunk]:
        counts = np.zeros(len(SPLITS), np.int64)
        for chunk in raw.chunks:
            assert chunk.part is not None
            counts += np.bincount(chunk.part, minlength=len(SPLITS))
            yield chunk
        found = {f"{part} rows": (int(counts[SPLITS.index(part)]), own) for part, own in self.n_rows.items()}
        found |= {f"{side}s": (len(raw.entities[side].keys), own) for side, own in self.n_entities.items()}
        raw.remarks += [
            f"the files hold {n:,} {what}, and {published:,} were published"
            for what, (n, published) in found.items()
            if n != published
        ]
