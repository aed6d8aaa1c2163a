"""Benchmarks that LightGCN and its successors use, in the files of its authors' code."""

from typing import ClassVar

from cadc.data.sources.benchmarks.published_parts import PublishedParts
from cadc.data.sources.layouts.lightgcn import LightGCN
from cadc.data.sources.source import Source


class LightGCNParts(PublishedParts):
    """A benchmark as it comes with the code of LightGCN (He et al., SIGIR 2020)."""

    url: ClassVar[str] = "https://github.com/gusye1234/LightGCN-PyTorch"
    files: ClassVar[tuple[str, ...]] = ("train.txt", "test.txt")

    def layout(self) -> Source:
        """Return the folder in the layout of LightGCN's code."""
        return LightGCN(str(self.folder), name=self.name)
