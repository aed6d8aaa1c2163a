"""Gowalla: visits of places, in the parts that LightGCN and its successors use."""

from collections.abc import Mapping
from typing import ClassVar

from cadc.data.schema import Side
from cadc.data.sources.benchmarks.lightgcn_parts import LightGCNParts


class Gowalla(LightGCNParts):
    """Visits of Gowalla (10-core) in the parts of NGCF and LightGCN (Wang et al. 2019, He et al. 2020).

    Every pair is a row with the label 1. It goes with `data/split=given`, which draws validation rows from the training
    rows, because there are none.
    """

    name: str = "gowalla"
    n_rows: ClassVar[Mapping[str, int]] = {"train": 810_128, "test": 217_242}
    n_entities: ClassVar[Mapping[Side, int]] = {"user": 29_858, "item": 40_981}
