"""Yelp2018: reviewed businesses, in the parts that LightGCN and its successors use."""

from collections.abc import Mapping
from typing import ClassVar

from cadc.data.schema import Side
from cadc.data.sources.benchmarks.lightgcn_parts import LightGCNParts


class Yelp2018(LightGCNParts):
    """Businesses of the Yelp challenge of 2018 (10-core) in the parts of NGCF and LightGCN.

    Every pair is a row with the label 1. It goes with `data/split=given`, which draws validation rows from the training
    rows, because there are none.
    """

    name: str = "yelp2018"
    n_rows: ClassVar[Mapping[str, int]] = {"train": 1_237_259, "test": 324_147}
    n_entities: ClassVar[Mapping[Side, int]] = {"user": 31_668, "item": 38_048}
